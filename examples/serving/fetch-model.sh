#!/bin/sh
# The init container: bring one signed version from the remote alone, without Git, and verify it.
#
#   MODEL        digits@1.0.0, or sycee:<identity>
#   REMOTE       where `sycee push` puts it: s3://bucket/models
#   DESTINATION  the folder to make
#   SYCEE_TRUST  the trust file of this machine
#
# The exit code is the pod's state: 11 tampered with, 12 not signed, 13 not allowed here or expired, 20 no remote.
set -eu

case "$MODEL" in
sycee:*) sycee pull --identity "$MODEL" "$DESTINATION" --remote "$REMOTE" ;;
*) sycee pull "$MODEL" "$DESTINATION" --trust "$SYCEE_TRUST" --remote "$REMOTE" ;;
esac
sycee verify "$DESTINATION"
