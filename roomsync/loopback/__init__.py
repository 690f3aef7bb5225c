"""An embedded gateway for the demo and the tests, and the demo."""
