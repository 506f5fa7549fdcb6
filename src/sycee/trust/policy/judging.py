"""Steps 4, 12 and 13 of verification: what the trust file says of a version, and what is remembered of it.

The verdict itself is :func:`sycee.core.policy.decide`, which knows no file. Here is what it has to be told: the channel
statement and the revocation list, each authenticated before it is parsed, and what was accepted here before.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sycee.core import modelfolder, policy
from sycee.core.policy import ChannelFact, Decision, RecordFact, Rule, Situation, VersionFacts
from sycee.errors import Conflict, FormatError, NotFound, PolicyDenied
from sycee.formats import channel as channel_format
from sycee.formats.card import Card
from sycee.trust.folder import ModelFolder
from sycee.trust.policy import channels
from sycee.trust.policy.bundles import Vouched
from sycee.trust.policy.channels import Places, Sighting, Wanted
from sycee.trust.policy.documents import SignedDocument, read_document
from sycee.trust.policy.memory import Seen
from sycee.trust.policy.records import RecordFacts, record_facts
from sycee.trust.policy.request import Request
from sycee.trust.policy.withdrawn import Withdrawn, list_path, read_list


class Known(NamedTuple):
    """What verification has found out so far.

    Attributes:
        vouched: What was signed, and by whom.
        card: The card; None until it was checked, or if there is none.
        forms: Name of each weights file to its form; empty until they were read.
        records: Records about the version; None until they were read.
        complete: Whether everything was found out.
    """

    vouched: Vouched
    card: Card | None = None
    forms: Mapping[str, str] = {}
    records: tuple[RecordFact, ...] | None = None
    complete: bool = False

    @property
    def model(self) -> str:
        """The signed name of the model, which only the card may tell; in the end the folder's when it was signed."""
        said = self.vouched.signed.statement
        named = said.annotations.get("name") or (self.card.name if self.card else None)
        return str(named or (said.subject if self.complete else ""))

    def facts(self) -> VersionFacts:
        """Return this as a policy wants it."""
        said, card = self.vouched.signed.statement.annotations, self.card
        return VersionFacts(
            model=self.model,
            version=said.get("version") or (card.version if card else None),
            serial=said.get("serial", card.serial if card else None),
            identity=self.vouched.identity,
            digests=frozenset(resource.sha256 for resource in self.vouched.signed.resources.values()),
            weights=self.forms,
            signers=self.vouched.signers,
            records=self.records,
            card=(card.values if card else {}) if self.complete else None,
        )


class Judge:
    """Asks the policy about one version; the surroundings are looked at once.

    Args:
        request: What is verified.
        folder: The open model folder.
        more_to_sign: Whether it is asked on behalf of a signer to come; see :class:`Situation`.
    """

    def __init__(self, request: Request, folder: ModelFolder, *, more_to_sign: bool = False) -> None:
        self._more_to_sign = more_to_sign
        self._request = request
        self._folder = folder
        self._situation: Situation | None = None
        self._decision: Decision | None = None
        self.warnings: tuple[str, ...] = ()  # channel statements that were found and do not count

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule as it stood when it was asked last."""
        return self._decision.rules if self._decision else ()

    def require(self, known: Known) -> Decision:
        """Ask the policy.

        Args:
            known: What is known of the version. While it is not complete, rules may be pending.

        Raises:
            PolicyDenied: If it refuses, as the class that fits the rule.
        """
        if self._situation is None:
            around = _situation(self._request)
            found = _channel(self._request, self._folder, known.model, around)
            self.warnings = found.faults
            self._situation = around._replace(channel=found.fact, more_to_sign=self._more_to_sign)
        self._decision = policy.decide(self._request.authority.trust, known.facts(), self._situation)
        refused = self._decision.refused or (_pending(self._decision) if known.complete else None)
        if refused is not None:
            raise refusal(refused)
        return self._decision

    def records(self, known: Known) -> RecordFacts:
        """Read the records beside the version, if a rule about its model asks for any.

        Args:
            known: What is known of it, the card among that.
        """
        rule = self._request.authority.trust.rule_for(known.model)
        if rule is None or not rule.records:
            return RecordFacts((), ())
        card = known.vouched.signed.resources.get(modelfolder.CARD)
        return record_facts(
            self._folder, known.vouched.identity, card.sha256 if card else None, self._request.authority.signers_of
        )

    @property
    def channel(self) -> ChannelFact | None:
        """The statement of the channel that was asked for."""
        return self._situation.channel if self._situation else None

    def remember(self) -> bool:
        """Step 13: remember what was accepted, so that nothing older is accepted any more.

        Returns:
            Whether there was something to remember.

        Raises:
            PolicyDenied: If it cannot be remembered, or something newer was accepted meanwhile.
        """
        memory, situation = self._request.memory, self._situation
        if memory is None or situation is None:
            return False
        if situation.revocations is not None:
            memory.accept_list(_list_name(self._request), situation.revocations.number)
        if situation.channel is not None:
            statement = situation.channel.statement
            memory.accept(statement.model, statement.name, Seen(statement.serial, statement.identity))
        return (situation.revocations, situation.channel) != (None, None)


def _pending(decision: Decision) -> Rule | None:
    return next((rule for rule in decision.rules if rule.outcome == "pending"), None)


def refusal(rule: Rule) -> PolicyDenied:
    """Return the error of a rule that refuses."""
    kind = policy.error_class(rule)
    return kind(
        f"{rule.name}: expected {rule.expected}, found {rule.found}",
        hint=rule.advice or None,
        rule=rule.name,
        expected=rule.expected,
        found=rule.found,
    )


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return a rule for ``--json``; facts that it does not have are left out."""
    facts = {name: value for name, value in rule._asdict().items() if value}
    if rule.outcome != "failed":
        del facts["refusal"]
    return facts


def _situation(request: Request) -> Situation:
    """Return what is so around any version; of the channel, its name."""
    memory = request.memory
    revocations, revokers = _withdrawn(request)
    source = request.authority.trust.revocations
    return Situation(
        now=request.now,
        asked_channel=request.channel,
        revocations=revocations,
        revokers=revokers,
        revocations_seen=memory.list_seen(_list_name(request)) if memory and source else None,
    )


def _list_name(request: Request) -> str:
    return str(list_path(request.authority) or "")


def _withdrawn(request: Request) -> Withdrawn:
    try:
        return read_list(request.authority)
    except FormatError as error:
        raise PolicyDenied(
            f"{_list_name(request)} is signed and malformed: {error.message}",
            hint="ask whoever signed it for another one",
            path=_list_name(request),
        ) from None


def _channel(request: Request, folder: ModelFolder, model: str, around: Situation) -> Sighting:
    """Return the newest statement about this model and channel of those who may speak for it."""
    if request.channel is None:
        return Sighting(None, ())
    elsewhere = channels.candidates(request.channel_places or Places(), model, request.channel)
    documents = [*elsewhere, *_own(folder, request.channel)]
    wanted = Wanted(model, request.channel, policy.counting(request.authority.trust, around))
    return channels.sighting(documents, request.authority, wanted, request.memory)


def _own(folder: ModelFolder, channel: str) -> Iterator[SignedDocument]:
    try:
        yield read_document(folder, channels.record_path(channel), channel_format.MAX_SIZE)
    except (NotFound, Conflict):
        return
