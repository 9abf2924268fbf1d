#!/usr/bin/env bash
# What the action beside it does, so that it can be run and tested without GitHub:
#
#   bake.sh key        the name under which a built azulejo is kept in GitHub's cache
#   bake.sh install    azulejo, with what it needs, unless INPUT_AZULEJO names one
#   bake.sh bake       bakes, verifies and compares
#
# Inputs are variables, INPUT_ and their names. None is run, and none is split at blanks: lists have one item a line. Results go
# to the file that GITHUB_OUTPUT names. The exit code is that of the azulejo command that fails.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=${RUNNER_TOOL_CACHE:-${TMPDIR:-/tmp}}/azulejo-action

# text TEXT: as the text of a command to the runner.
text() {
    local text=${1//'%'/%25}
    text=${text//$'\r'/%0D}
    printf '%s' "${text//$'\n'/%0A}"
}

notice() { printf '::notice title=azulejo::%s\n' "$(text "$1")"; }

error() { printf '::error title=azulejo::%s\n' "$(text "$1")"; }

# refuse MESSAGE: ends with the exit code for inputs that make no sense.
refuse() {
    error "$1"
    exit 2
}

# A word that nobody can know beforehand.
mark() { printf 'azulejo_%s' "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"; }

# put NAME VALUE: a result. However many lines the value has, it cannot be taken for another one.
put() {
    local mark
    mark=$(mark)
    printf '%s<<%s\n%s\n%s\n' "$1" "$mark" "$2" "$mark" >>"${GITHUB_OUTPUT:-/dev/null}"
}

# lines TEXT: its lines as the array `items`, blank ones left out.
lines() {
    local line
    items=()
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        if [[ $line =~ [^[:space:]] ]]; then items+=("$line"); fi
    done <<<"$1"
}

# is_true NAME VALUE: whether an input is `true`; it must not be anything but that or `false`.
is_true() {
    case $2 in
    true) return 0 ;;
    false) return 1 ;;
    *) refuse "$1: $2; expected true or false" ;;
    esac
}

# muted COMMAND...: runs it, and the runner takes nothing that it says for a command.
muted() {
    local mark code=0
    mark=$(mark)
    printf '::stop-commands::%s\n' "$mark"
    "$@" 2>&1 || code=$?
    printf '::%s::\n' "$mark"
    return "$code"
}

# parts OUTPUT: the folder in which an interrupted bake leaves its finished parts.
parts() {
    local path=${1%/} folder=.
    if [[ $path == */* ]]; then folder=${path%/*}; fi
    printf '%s/.%s.azulejo-resume' "$folder" "${path##*/}"
}

# default_report OUTPUT: beside it, or here if it is elsewhere.
default_report() {
    local path=${1%/} folder=""
    if [[ $path == */* && $path != *://* ]]; then folder=${path%/*}/; fi
    printf '%s%s.report.json' "$folder" "${path##*/}"
}

# of_report FIELD: a number or a word that stands on a line of its own in the report, not within anything.
of_report() { sed -n 's/^  "'"$1"'": "\{0,1\}\([0-9a-f]*\)"\{0,1\},\{0,1\}$/\1/p' <"$report"; }

key() {
    local sum
    # The same sources, features and system make the same program.
    sum=$(
        cd "$root"
        {
            find Cargo.toml Cargo.lock build.rs src -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
            printf '%s\n' "${INPUT_FEATURES:-}"
            sed -n '/^ID=/p; /^VERSION_ID=/p' /etc/os-release
        } | sha256sum
    )
    put key "azulejo-$(uname -sm | tr ' ' -)-${sum%% *}"
    put folder "$tools"
}

fetch() {
    local program=${INPUT_AZULEJO:-}
    if [ -n "$program" ]; then
        "$program" --version || refuse "azulejo: $program: cannot be run; expected the path of an azulejo"
        put program "$program"
        return
    fi
    program=$tools/bin/azulejo
    # GDAL as a library, and Rust where azulejo has to be built.
    # shellcheck source=scripts/setup
    source "$root/scripts/setup"
    if ! "$program" --version; then
        # From there, so that no toolchain file of the caller's counts.
        (cd "$root" && CARGO_TARGET_DIR=${RUNNER_TEMP:-/tmp}/azulejo-target \
            cargo install --locked --force --path . --root "$tools" --features "${INPUT_FEATURES:-}")
        "$program" --version
    fi
    put program "$program"
}

# tile OPTION...: the bake.
tile() { "$program" tile "${arguments[@]}" "$@" -- "${sources[@]}"; }

# The same, and with what an interrupted run has left. Its parts are refused, with exit code 2, when they are of another bake;
# without --resume they are removed.
tile_on() {
    local code=0
    # A checkout gives every file the time of the checkout.
    arguments+=(--fingerprint=content)
    if [ -d "$(parts "${outputs[0]}")" ]; then
        tile --resume || code=$?
        if [ "$code" != 2 ]; then return "$code"; fi
        notice "what an interrupted run had finished is of no use; all is baked"
    fi
    tile
}

verify() {
    local output code=0
    for output in "${outputs[@]}"; do
        if [[ $output == *://* && $output != *.pmtiles ]]; then
            notice "$output: not verified; 'azulejo verify' reads no such place"
            continue
        fi
        "$program" verify "--report=$report" -- "$output" || code=$?
    done
    return "$code"
}

# compare TILESET: whether the first output differs from it.
compare() {
    local code=0
    if [[ $1 != *://* && $1 != /vsi* && ! -e $1 ]]; then
        notice "$1: not there; all tiles are new"
        put different true
        return
    fi
    # That something differs is no error here.
    muted "$program" diff -- "$1" "${outputs[0]}" || code=$?
    case $code in
    0) put different false ;;
    6) put different true ;;
    *)
        error "$1: cannot be compared with ${outputs[0]} (exit code $code)"
        return "$code"
        ;;
    esac
}

# What there is, for the steps that follow.
results() {
    local sum
    put path "${outputs[0]}"
    put files "$(printf '%s\n' "${outputs[@]}" "$report")"
    put report "$report"
    put tiles "$(of_report tiles)"
    put bytes "$(of_report bytes)"
    put tiles-sha256 "$(of_report tiles_sha256)"
    if [ -f "${outputs[0]}" ]; then
        sum=$(sha256sum <"${outputs[0]}")
        put sha256 "${sum%% *}"
    fi
}

bake() {
    local output code=0 failed=0 is_verified=yes is_resumed=yes
    program=${PROGRAM:-${INPUT_AZULEJO:-azulejo}}
    lines "${INPUT_SOURCES:-}"
    sources=("${items[@]}")
    lines "${INPUT_OUTPUT:-}"
    outputs=("${items[@]}")
    lines "${INPUT_ARGUMENTS:-}"
    arguments=("${items[@]}")
    if [ ${#sources[@]} = 0 ]; then refuse "sources: nothing there; expected rasters, one a line"; fi
    if [ ${#outputs[@]} = 0 ]; then refuse "output: nothing there; expected a path, such as tiles.pmtiles"; fi
    # Before hours of work.
    is_true verify "${INPUT_VERIFY:-true}" || is_verified=no
    is_true resume "${INPUT_RESUME:-false}" || is_resumed=no
    report=${INPUT_REPORT:-$(default_report "${outputs[0]}")}
    arguments+=("--report=$report")
    for output in "${outputs[@]}"; do arguments+=("--output=$output"); done

    if [ "$is_resumed" = yes ]; then tile_on || code=$?; else tile || code=$?; fi
    # With 5 the outputs are there, with holes.
    if [ "$code" != 0 ] && [ "$code" != 5 ]; then exit "$code"; fi
    failed=$code
    results
    code=0
    if [ "$is_verified" = yes ]; then verify || code=$?; fi
    if [ "$failed" = 0 ]; then failed=$code; fi
    code=0
    if [ -n "${INPUT_AGAINST:-}" ]; then compare "$INPUT_AGAINST" || code=$?; fi
    if [ "$failed" = 0 ]; then failed=$code; fi
    exit "$failed"
}

case ${1:-} in
key | bake) "$1" ;;
install) fetch ;;
*) refuse "bake.sh ${1:-}: expected key, install or bake" ;;
esac
