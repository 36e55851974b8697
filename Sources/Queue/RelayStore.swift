/// Everything that a relay keeps on its disk, behind one door: each back end is all of it.
package typealias RelayStore = JobStore & KeyStore & EgressStore & TokenStore & TenantStore & AuditStore & KeyringStore
