"""A Terraform file as python-hcl2 reads it, as JSON. Strings keep their escapes. With `blocks`, blocks are marked."""

import json
import sys

import hcl2

options = hcl2.SerializationOptions(strip_string_quotes=True, explicit_blocks="blocks" in sys.argv)
json.dump(hcl2.loads(sys.stdin.read(), serialization_options=options), sys.stdout)
