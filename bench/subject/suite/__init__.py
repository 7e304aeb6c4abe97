"""The HTTP contract as tests within one process, written once for all frameworks with ddt and testtools.

`<framework>_client.py` is what a framework needs to be tested by it: a client made of that framework's own means. The
package is run under the name `suite` by the measured interpreter; hence its relative imports.
"""
