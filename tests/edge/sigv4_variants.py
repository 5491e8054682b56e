"""Requests that botocore signs in every way that AWS takes, sent as they are signed. Prints the status of each."""

import datetime
import hashlib
import http.client
import json
import re
import sys
import uuid
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

given = json.load(sys.stdin)
edge = urlsplit(given["edge"])
credentials = Credentials(given["access_key_id"], given["secret_access_key"], given["session_token"])
path = f"/v1/apps/{given['app_id']}/events"


def body():
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    event = {"EventType": "SignUpEvent", "Timestamp": now, "Attributes": {"email": "a@example.com"}}
    batch = {"Endpoint": {}, "Events": {str(uuid.uuid4()): event}}
    return json.dumps({"BatchItem": {str(uuid.uuid4()): batch}}).encode()


class Query(SigV4QueryAuth):
    def _modify_request_before_signing(self, request):
        # What it presigns has no body by itself: it would move one into the query.
        data, request.data = request.data, b""
        super()._modify_request_before_signing(request)
        request.data = data


class QueryWithoutExpires(Query):
    def _modify_request_before_signing(self, request):
        super()._modify_request_before_signing(request)
        request.url = re.sub(r"X-Amz-Expires=\d+&?", "", request.url)


class DateOfAmz(SigV4Auth):
    """`Date` in the form of `X-Amz-Date`, as AWS's documentation has it."""

    def _set_necessary_date_headers(self, request):
        request.headers["Date"] = request.context["timestamp"]


class DateInQuery(SigV4Auth):
    """The date in the query, the signature in the headers."""

    def _set_necessary_date_headers(self, request):
        separator = "&" if "?" in request.url else "?"
        request.url += f"{separator}X-Amz-Date={request.context['timestamp']}"


class QueryDateInHeader(Query):
    """The signature in the query, the date in a header."""

    def _modify_request_before_signing(self, request):
        super()._modify_request_before_signing(request)
        request.url = re.sub(r"X-Amz-Date=\w+&?", "", request.url)
        del request.headers["X-Amz-Date"]
        request.headers["X-Amz-Date"] = request.context["timestamp"]


def sent(auth, headers=(), query="", host=edge.netloc, order=list, seconds=0):
    """The status of a request that is signed by a clock so many seconds off."""
    url = f"{edge.scheme}://{host}{path}" + (f"?{query}" if query else "")
    data = body()
    request = AWSRequest(method="POST", url=url, data=data)
    for name, value in headers:
        value = value.replace("<hash>", hashlib.sha256(data).hexdigest())
        request.headers.add_header(name, value)
    if "Host" not in request.headers:
        request.headers["Host"] = host
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    botocore.auth.get_current_datetime = lambda *_, **__: now
    auth(credentials, "mobiletargeting", given["region"]).add_auth(request)
    target = request.url[len(f"{edge.scheme}://{host}"):]
    connection = http.client.HTTPConnection(edge.hostname, edge.port)
    connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
    for name, value in order(request.headers.items()):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 202:
        return [answer.status, answer.headers.get("x-amzn-errortype"), text]
    items = [
        item["StatusCode"]
        for batch in json.loads(text)["Results"].values()
        for item in batch["EventsItemResponse"].values()
    ]
    return [answer.status, items]


def shouted(headers):
    return [(name.upper(), value) for name, value in reversed(headers)]


x = "X-Trace"
stamp = "<replaced by botocore>"
taken = {
    "headers": sent(SigV4Auth),
    "presigned": sent(Query),
    "presigned without X-Amz-Expires": sent(QueryWithoutExpires),
    "presigned without X-Amz-Expires, nearly five minutes ago": sent(QueryWithoutExpires, seconds=-290),
    "presigned with X-Amz-Expires, some time ago": sent(Query, seconds=-900),
    "presigned with Date as a header": sent(QueryDateInHeader, [("X-Amz-Date", "<now>")]),
    "Date for X-Amz-Date": sent(SigV4Auth, [("Date", stamp)]),
    "Date in the form of X-Amz-Date": sent(DateOfAmz),
    "X-Amz-Date in the query": sent(DateInQuery),
    "a header twice": sent(SigV4Auth, [(x, "one"), (x, "two")]),
    "a header twice, the same": sent(SigV4Auth, [(x, "one"), (x, "one")]),
    "a header three times": sent(SigV4Auth, [(x, "c"), (x, "a"), (x, "b")]),
    "a header five times": sent(SigV4Auth, [(x, str(n)) for n in range(5)]),
    "a header nine times": sent(SigV4Auth, [(x, str(n)) for n in range(9)]),
    "a list, once": sent(SigV4Auth, [(x, "one, two, three")]),
    "lists, twice": sent(SigV4Auth, [(x, "one, two"), (x, "three")]),
    "a header twice beside a list": sent(
        SigV4Auth, [("Accept", "text/html, */*"), (x, "one"), (x, "two"), ("X-Via", "a, b, c, d")]
    ),
    "two headers twice": sent(SigV4Auth, [(x, "one"), ("X-Via", "a"), (x, "two"), ("X-Via", "b")]),
    "presigned, a header twice": sent(Query, [(x, "one"), (x, "two")]),
    "a header twice, one empty": sent(SigV4Auth, [(x, ""), (x, "two")]),
    "an empty header": sent(SigV4Auth, [(x, "")]),
    "spaces around and within a value": sent(SigV4Auth, [(x, "  a   b\t c  "), ("X-Via", '"a   b"')]),
    "headers in another order and in capitals": sent(SigV4Auth, [(x, "a"), ("A-B", "c")], order=shouted),
    "X-Amz-Content-SHA256": sent(SigV4Auth, [("X-Amz-Content-SHA256", "<hash>")]),
    "a query": sent(SigV4Auth, query="b=2&a=1"),
    "a name twice in the query": sent(SigV4Auth, query="a=2&a=10&a=1&b=&a=1"),
    "a name without a value in the query": sent(SigV4Auth, query="acl&b=1"),
    "what has to be encoded in the query": sent(
        SigV4Auth, query="%C3%A5=%E2%82%AC%20%2F%3D%26%2B%25&a-b_c.d~e=1&%FF=%80"
    ),
    "presigned with a query": sent(Query, query="b=2&a=%2F"),
    "a name for the host": sent(SigV4Auth, host=f"localhost:{edge.port}"),
    "a host in capitals": sent(SigV4Auth, host=f"LocalHost:{edge.port}"),
    "a clock nearly five minutes behind": sent(SigV4Auth, seconds=-290),
    "a clock nearly five minutes ahead": sent(SigV4Auth, seconds=290),
    "presigned ahead": sent(Query, seconds=290),
    "Date, behind": sent(SigV4Auth, [("Date", stamp)], seconds=-290),
}
refused = {
    "a clock more than five minutes behind": sent(SigV4Auth, seconds=-310),
    "a clock more than five minutes ahead": sent(SigV4Auth, seconds=310),
    "presigned without X-Amz-Expires, more than five minutes ago": sent(QueryWithoutExpires, seconds=-310),
    "presigned, run out": sent(Query, seconds=-3_700),
    "Date, more than five minutes ago": sent(SigV4Auth, [("Date", stamp)], seconds=-310),
    "UNSIGNED-PAYLOAD, which Pinpoint does not take": sent(
        SigV4Auth, [("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")]
    ),
    "another body's hash": sent(SigV4Auth, [("X-Amz-Content-SHA256", "0" * 64)]),
}
print(json.dumps({"taken": taken, "refused": refused}))
