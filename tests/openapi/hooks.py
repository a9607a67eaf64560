"""What schemathesis may not ask of the sandbox: addresses that are neither promised nor refused."""

import re

import schemathesis

#: RFC 3986, as the document's `format: uri` means it.
STRICT = re.compile(r"https?://([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
#: What the URL standard, by which the sandbox reads, takes for one too: other letters, missing slashes, spaces before it.
LENIENT = re.compile(r"[\x00-\x20]*h[\t\n\r]*t[\t\n\r]*t[\t\n\r]*p[\t\n\r]*s?[\t\n\r]*:", re.IGNORECASE)


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Whether a request has no such address in its body."""
    body = case.body
    values = [body.get(name) for name in ("return_url", "reference_image_url")] if isinstance(body, dict) else []
    return not any(isinstance(value, str) and LENIENT.match(value) and not STRICT.fullmatch(value) for value in values)
