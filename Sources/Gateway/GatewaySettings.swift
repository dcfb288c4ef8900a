package import HTTP1

/// What of `GatewayParts` may change while the gateway serves.
package struct GatewaySettings: Sendable {
    package var redirectPort: Int?
    package var trusted: AddressRanges
    package var maxConnections: Int
    package var serverField: String
    package var bufferDirectory: String
    package var bufferMemoryLimit: Int
    package var bufferDiskLimit: Int

    package init(
        redirectPort: Int?, trusted: AddressRanges, maxConnections: Int, serverField: String, bufferDirectory: String,
        bufferMemoryLimit: Int, bufferDiskLimit: Int
    ) {
        self.redirectPort = redirectPort
        self.trusted = trusted
        self.maxConnections = maxConnections
        self.serverField = serverField
        self.bufferDirectory = bufferDirectory
        self.bufferMemoryLimit = bufferMemoryLimit
        self.bufferDiskLimit = bufferDiskLimit
    }
}
