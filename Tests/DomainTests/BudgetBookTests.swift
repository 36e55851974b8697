import Domain
import TestSupport
import Testing

struct BudgetBookTests {
    private static let noon = Timestamp(date: "2026-02-28").map { $0.advanced(by: .seconds(43_200)) }

    @Test func `days and months are those of the calendar, UTC`() throws {
        let noon = try #require(Self.noon)
        let (day, month) = (BudgetPeriod(.day, containing: noon), BudgetPeriod(.month, containing: noon))
        #expect(day.start.rfc3339.hasPrefix("2026-02-28T00:00:00") && day.end.rfc3339.hasPrefix("2026-03-01T00:00:00"))
        #expect(month.start.rfc3339.hasPrefix("2026-02-01T00") && month.end.rfc3339.hasPrefix("2026-03-01T00"))
        #expect(day.words == "day 2026-02-28" && month.words == "month 2026-02")
        let december = BudgetPeriod(.month, containing: try #require(Timestamp(date: "2027-12-31")))
        #expect(december.end.dateText == "2028-01-01")
        #expect(Timestamp(date: "2026-02-29") == nil)
        #expect(BudgetPeriod(.day, containing: Timestamp(microseconds: -1)).start.dateText == "1969-12-31")
    }

    @Test func `a reservation counts where it was made, whenever its call ends`() throws {
        let noon = try #require(Self.noon)
        var book = BudgetBook()
        let limits = BudgetLimits(moneyPerDay: Money(microdollars: 100))
        let amount = BudgetAmount(tokens: 10, money: Money(microdollars: 60))
        #expect(book.reserve(amount, under: limits, at: noon) == nil)
        #expect(book.reserve(amount, under: limits, at: noon)?.measure == .money)
        let tomorrow = noon.advanced(by: .seconds(86_400))
        #expect(book.reserve(amount, under: limits, at: tomorrow) == nil)
        book.settle(Reservation(amount, at: noon), spending: BudgetAmount(tokens: 3, money: Money(microdollars: 7)))
        let today = book[BudgetPeriod(.day, containing: noon)]
        #expect(today.reserved == .nothing && today.spent.money.microdollars == 7 && today.spent.tokens == 3)
        #expect(book[BudgetPeriod(.day, containing: tomorrow)].reserved == amount)
        #expect(book[BudgetPeriod(.month, containing: tomorrow)].spent == .nothing)
    }

    /// 64 callers that come, settle and go in any order, over the turn of a day and a month.
    @Test(arguments: UInt64(0)..<200)
    func `64 callers in any order never overspend and leave nothing reserved`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var now = try #require(Self.noon)
        let limits = BudgetLimits(
            tokensPerDay: Int.random(in: 1...4000, using: &random), tokensPerMonth: 6000,
            moneyPerDay: Money(microdollars: Int.random(in: 1...4000, using: &random)),
            moneyPerMonth: Money(microdollars: 5000))
        var book = BudgetBook()
        var open: [Reservation] = []
        var callers = 64
        while callers > 0 || !open.isEmpty {
            now = now.advanced(by: .seconds(Int.random(in: 0...3600, using: &random)))
            if callers > 0, Bool.random(using: &random) {
                callers -= 1
                let amount = BudgetAmount(
                    tokens: Int.random(in: 0...300, using: &random),
                    money: Money(microdollars: Int.random(in: 0...300, using: &random)))
                if book.reserve(amount, under: limits, at: now) == nil { open.append(Reservation(amount, at: now)) }
            } else if let index = open.indices.randomElement(using: &random) {
                let ending = open.remove(at: index)
                let known = Bool.random(using: &random) ? part(of: ending.amount, &random) : nil
                let silent = Int.random(in: 0...3, using: &random)
                book.settle(ending, spending: ending.charge(known: known, silent: silent))
            }
            check(book, open, limits)
        }
        #expect(book.entries.values.allSatisfy { $0.reserved == .nothing })
    }

    private func part(of amount: BudgetAmount, _ random: inout SeededGenerator) -> BudgetAmount {
        BudgetAmount(
            tokens: Int.random(in: 0...amount.tokens, using: &random),
            money: Money(microdollars: Int.random(in: 0...amount.money.microdollars, using: &random)))
    }

    private func check(_ book: BudgetBook, _ open: [Reservation], _ limits: BudgetLimits) {
        for (period, entry) in book.entries {
            let sum = entry.spent + entry.reserved
            #expect(sum.money <= limits.money(per: period.kind) ?? sum.money)
            #expect(sum.tokens <= limits.tokens(per: period.kind) ?? sum.tokens)
            let held = open.filter { $0.periods.contains(period) }.reduce(.nothing) { $0 + $1.amount }
            #expect(entry.reserved == held)
        }
    }

    @Test func `what does not say its cost is charged as what did, or in full, and never beyond what was reserved`() {
        let reservation = Reservation(
            BudgetAmount(tokens: 100, money: Money(microdollars: 1000)), at: Timestamp(microseconds: 0))
        let known = BudgetAmount(tokens: 30, money: Money(microdollars: 300))
        #expect(reservation.charge(known: nil, silent: 0) == .nothing)
        #expect(reservation.charge(known: nil, silent: 2) == reservation.amount)
        #expect(reservation.charge(known: known, silent: 0) == known)
        #expect(reservation.charge(known: known, silent: 1) == known.times(2))
        #expect(reservation.charge(known: known, silent: 9) == reservation.amount)
        let more = reservation.amount.times(3)
        #expect(reservation.charge(known: more, silent: 9) == more, "what an answer says is never cut")
    }
}
