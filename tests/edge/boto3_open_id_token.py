"""GetId and GetOpenIdToken by boto3. Prints the answer without its metadata, or the error's code."""

import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

request = json.load(sys.stdin)
client = boto3.client(
    "cognito-identity",
    endpoint_url=request["edge"],
    region_name=request["region"],
    config=Config(signature_version=UNSIGNED),
)
identity_id = client.get_id(IdentityPoolId=request["identity_pool_id"])["IdentityId"]
answer = client.get_open_id_token(IdentityId=identity_id)
answer.pop("ResponseMetadata")
try:
    client.get_open_id_token(IdentityId=identity_id, Logins={"login.example": "forged"})
    refused = None
except client.exceptions.NotAuthorizedException as error:
    refused = error.response["Error"]["Code"]
except ClientError as error:
    refused = f"not typed: {error}"
print(json.dumps({"identity_id": identity_id, "answer": answer, "refused": refused}))
