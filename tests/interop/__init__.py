"""A real Wechaty gateway for the tests: Node's PuppetServer over a scripted account, driven from Python."""
