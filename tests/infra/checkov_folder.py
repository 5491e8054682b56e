"""What checkov finds in a folder, as JSON: a line for each check that fails, and how many passed."""

import json
import os
import sys

# It asks nobody on the network for its texts.
os.environ["CHECKOV_RUN_SCA_PACKAGE_SCAN"] = "false"

from checkov.cloudformation.runner import Runner as CloudFormation
from checkov.runner_filter import RunnerFilter
from checkov.terraform.runner import Runner as Terraform

failed, passed = [], 0
for runner in (CloudFormation(), Terraform()):
    report = runner.run(root_folder=sys.argv[1], runner_filter=RunnerFilter())
    passed += len(report.passed_checks)
    failed += [f"{found.check_id} {found.resource}: {found.check_name}" for found in report.failed_checks]
    failed += [f"cannot be read: {path}" for path in report.parsing_errors]
json.dump({"failed": failed, "passed": passed}, sys.stdout)
