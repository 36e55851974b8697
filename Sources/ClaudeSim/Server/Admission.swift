/// What the limits, the script and chance decide about one well-formed Messages request.
enum Admission: Sendable {
    case refused(OverLimit, rate: RateReading?)
    case accepted(fault: FaultKind?, generator: SeededGenerator, cache: CacheUse, rate: RateReading?)
}
