# A sentence becomes a file.
# docs: sandbox
infrai --sandbox video generate "a paper boat" -o boat.mp4
# docs: end
rm boat.mp4
# docs: first
# Once per device: an anonymous account with a trial credit.
infrai activate
# Generate, wait, save.
infrai video generate "a paper boat" -o boat.mp4
# docs: end
