# What the command can do, with an account that is activated.
infrai activate >/dev/null
echo "a boat of paper" > poem.txt
# docs: generate
infrai video generate "a timelapse of a city skyline at dusk" --resolution 1080p --duration 2 -o skyline.mp4
infrai video generate - -o poem.mp4 < poem.txt            # the prompt from standard input
infrai video generate "a kite" --wait                     # wait, save nothing
infrai video generate "a kite"                            # submit, and print how to go on
# docs: end
printf 'a red kite\na blue kite\n' > kites.txt
printf 'prompt,aspect\na red kite,1:1\n' > kites.csv
printf '{"prompt": "a red kite", "duration_seconds": 1}\n' > kites.jsonl
# docs: batch
infrai video batch kites.txt                              # one prompt per line; saved in kites-videos
infrai video batch kites.csv -o videos --dry-run          # what a run would do, and what it may cost
infrai video batch kites.jsonl -o more --max-cost-usd 5   # generate's options per line
# docs: end
command -v jq >/dev/null || jq() { :; }
# docs: checkpoint
jq -r 'select(.event == "ended") | [.key, .state, .cost_usd] | @tsv' kites-videos/batch.jsonl
# docs: end
# docs: wait
id=$(infrai --json video generate "a red kite" --duration 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["job_id"])')
infrai video watch "$id"                                  # every state, the last included
infrai video wait "$id" --wait-timeout 10m -o kite.mp4    # 6 as exit code: the time is over, and the job goes on
# docs: end
# docs: repeat
infrai video generate "a paper boat" --idempotency-key order-4711 -o boat.mp4
infrai video generate "a paper boat" --idempotency-key order-4711 -o boat.mp4 --overwrite    # the same job, charged once
# docs: end
# docs: profile
infrai --profile work activate                            # the table [work] of ~/.infrai/credentials
infrai --profile work account balance
infrai whoami                                             # which profile, key and address a call would use
# docs: end
# docs: with-options
infrai --timeout 5s account balance
# docs: end
# docs: errors
if ! infrai video generate "" 2> error.txt; then
    cat error.txt                                         # two lines: what happened, and what to do
fi
# docs: end
echo '{"prompt": "a kite", "duration_seconds": 1}' > kite.json
# docs: request
infrai request GET /v1/account/balance
infrai request POST /v1/video/generate --body '{"prompt": "a kite", "duration_seconds": 1}'
infrai request POST /v1/video/generate --body @kite.json --idempotency-key kite-1
cat kite.json | infrai request POST /v1/video/generate --body -
# docs: end
