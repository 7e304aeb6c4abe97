"""The HTTP contract as in-process tests with ddt and testtools, the same for all frameworks.

`<framework>_client.py` is a client that uses the framework's own test client. The measured interpreter runs this
package under the name `suite`, hence its relative imports.
"""
