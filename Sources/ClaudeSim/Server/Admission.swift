/// What the limits, the script and chance decide about one well-formed Messages request.
enum Admission: Sendable {
    case refused(message: String, retryAfter: Duration, rate: RateReading?)
    case accepted(fault: FaultKind?, generator: SeededGenerator, rate: RateReading?)
}
