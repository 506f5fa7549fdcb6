"use strict";
exports.TelemetryClient = class {};
