/// The metadata keys of log lines, so that a search finds all of a kind.
package enum LogKey {
    package static let attempt = "attempt"
    package static let count = "count"
    package static let delivery = "delivery"
    package static let egress = "egress"
    package static let endpoint = "endpoint"
    package static let error = "error"
    package static let job = "job"
    package static let key = "key"
    package static let model = "model"
    package static let organizations = "organizations"
    package static let requestID = "request_id"
    package static let route = "route"
    package static let seconds = "seconds"
    package static let status = "status"
    package static let tenant = "tenant"
    package static let until = "until"
}
