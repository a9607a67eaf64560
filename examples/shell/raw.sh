# The main job over bare HTTP with curl, to see what the command replaces.
# docs: raw
api=${INFRAI_BASE_URL:-https://api.infrai.cc}
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)["data"].get(sys.argv[1], ""))' "$1"; }

id=$(curl -sf "$api/v1/video/generate" -H "Authorization: Bearer $INFRAI_API_KEY" \
    -H "Content-Type: application/json" -d '{"prompt": "a paper boat", "duration_seconds": 1}' | field job_id)
state=queued
while [ "$state" = queued ] || [ "$state" = running ]; do
    sleep 2
    curl -sf "$api/v1/video/jobs/$id" -H "Authorization: Bearer $INFRAI_API_KEY" > job.json
    state=$(field state < job.json)
done
curl -sf "$(field video_url < job.json)" -o boat.mp4
# docs: end
