# The same as raw.sh with the command.
# docs: migrated
infrai video generate "a paper boat" --duration 1 -o boat.mp4
# docs: end
