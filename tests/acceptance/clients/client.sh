#!/bin/sh
# Ask for an analysis with the tools of librabbitmq, and print the event that comes back.
#   BROKER=amqp://… CONVENER_TOKEN=… client.sh root/path
set -eu

mine=$(amqp-declare-queue --url "$BROKER" --queue "")
trap 'amqp-delete-queue --url "$BROKER" --queue "$mine" > /dev/null' EXIT

amqp-publish --url "$BROKER" --exchange convener --routing-key analysis.requested \
    --persistent --content-type application/cloudevents+json --reply-to "$mine" \
    --header "convener-token: $CONVENER_TOKEN" --body '{
        "specversion": "1.0",
        "id": "'"$(cat /proc/sys/kernel/random/uuid)"'",
        "source": "shop/shell",
        "type": "convener.analysis.requested.v1",
        "data": {"datasets": [{"location": "'"$1"'"}], "question": "Is it fit for use?"}
    }'
amqp-consume --url "$BROKER" --queue "$mine" --count 1 cat
