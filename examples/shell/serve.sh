# The sandbox as a server; each of these serves until it is stopped.
# docs: serve
infrai sandbox
infrai sandbox --port 4010 --fault 'POST /v1/video/generate: status=503 retry-after=1 times=2'
# docs: end
# docs: json
infrai sandbox --json --temporary --exit-with-parent
# docs: end
