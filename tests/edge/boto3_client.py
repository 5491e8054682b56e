"""PutEvents and UpdateEndpoint by boto3 with a plain access key. Prints what became of each call."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

request = json.load(sys.stdin)
client = boto3.client(
    "pinpoint",
    endpoint_url=request["edge"],
    region_name=request["region"],
    aws_access_key_id=request["access_key_id"],
    aws_secret_access_key=request["secret_access_key"],
)


def outcome(call):
    """The answer without its metadata, or the error's code and whether it is an exception of the client's own."""
    try:
        answer = call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        typed = type(error) is client.exceptions.from_code(code) and type(error) is not ClientError
        return {"error": code, "typed": typed}
    answer.pop("ResponseMetadata")
    return answer


print(
    json.dumps(
        {
            "put_events": outcome(
                lambda: client.put_events(
                    ApplicationId=request["app_id"],
                    EventsRequest={"BatchItem": request["batch_item"]},
                )
            ),
            "update_endpoint": outcome(
                lambda: client.update_endpoint(
                    ApplicationId=request["app_id"],
                    EndpointId=request["endpoint_id"],
                    EndpointRequest={"User": {"UserId": "u1"}, "ChannelType": "CUSTOM"},
                )
            ),
        }
    )
)
