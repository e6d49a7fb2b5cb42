"""Verifies deliveries with the package of Standard Webhooks, and the services' own headers by hand."""

import hashlib
import hmac
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

OWN_HEADERS = {"citizen": "x-xaqiiji-signature", "identity": "veridia-signature"}

# What citizen and identity have published.
VECTORS = [
    (
        1780403400,
        '{"event":"verification_completed","businessId":"8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f",'
        '"verificationId":"0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9","result":"verified",'
        '"purpose":"pre_employment","channel":"api","timestamp":"2026-06-02T12:30:00.000Z"}',
        "e21440800a776dd543f6c93c75207214960222dff06b5a2e5f765b1ee064fd16",
    ),
    (
        1777660748,
        '{"completedAt":"2026-05-01T18:39:08Z","confidence":87.4,"event":"verification.approved","flags":[],'
        '"metadata":{},"scores":{"docQuality":85.0,"faceMatch":96.2,"liveness":91.5,"ocrConfidence":78.0},'
        '"submittedAt":"2026-05-01T18:39:05Z","tenantId":"tn_default_demo","userRef":"customer-12345",'
        '"verdict":"approved","verificationId":"vf_AG07CDWRRFQV4T05ZXG2"}',
        "acb168e01fe55e368963d3a80c210301a3ed498e2b72ea44299306de641f066f",
    ),
]


def published(secret, t, body):
    return hmac.new(secret.encode(), f"{t}.{body}".encode(), hashlib.sha256).hexdigest()


for t, body, expected in VECTORS:
    assert published("whsec_test_0123456789abcdef", t, body) == expected, body

with open(sys.argv[1], encoding="utf-8") as file:
    deliveries = json.load(file)

for delivery in deliveries:
    headers, body = delivery["headers"], delivery["body"]
    for secret in delivery["secrets"]:
        Webhook(secret).verify(body, headers)
        try:
            Webhook(secret).verify(body + " ", headers)
        except WebhookVerificationError:
            continue
        sys.exit(f"a changed body passes for {delivery['service']}")
    own = OWN_HEADERS.get(delivery["service"])
    if own:
        t = headers["webhook-timestamp"]
        assert headers[own] == f"t={t},v1={published(delivery['published'], t, body)}", delivery
