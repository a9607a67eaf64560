# A sentence becomes a file.
# docs: sandbox
infrai --sandbox video generate "a paper boat" -o boat.mp4
# docs: end
rm boat.mp4
# docs: first
infrai activate                                     # once a device: an anonymous account with a trial credit
infrai video generate "a paper boat" -o boat.mp4    # generate, wait, save
# docs: end
