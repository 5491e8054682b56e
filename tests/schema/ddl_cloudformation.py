"""What cfn-lint says of a template, and the template as it reads it, as JSON."""

import json
import sys

from cfnlint.api import lint
from cfnlint.decode import decode_str

source = sys.stdin.read()
template, _ = decode_str(source)
matches = [f"line {match.linenumber}: {match}" for match in lint(source)]
json.dump({"matches": matches, "template": template}, sys.stdout)
