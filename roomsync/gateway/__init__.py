"""The connection to the gateway. The only wing that imports wechaty and grpclib."""
