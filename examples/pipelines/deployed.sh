#!/bin/sh
# Asks the gate, or reports a deployment and waits for the first minutes of its monitor. Needs curl and nothing else.
#
#   deployed.sh gate PRODUCT [RELEASE]      exit code 6: the gate is shut
#   deployed.sh deployed PRODUCT RELEASE    exit code 4: rolled back, or somebody is needed
#
# ORCHESTRATOR_API    address, like https://rollback.example.com
# ORCHESTRATOR_TOKEN  an API token, or the identity token of the job
# ENVIRONMENT         default: production
# DEPLOYMENT          its id; reported twice, it is the same one (default: the release and the hour)
# CHANGED_AT          when the change was committed, ISO 8601
# WAIT_MINUTES        default: 0
set -eu

: "${ORCHESTRATOR_API:?is not set}" "${ORCHESTRATOR_TOKEN:?is not set}"
command=${1:?gate or deployed} product=${2:?the product} release=${3:-}
environment=${ENVIRONMENT:-production}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

main() {
  case $command in
    gate) gate ;;
    deployed) deployed ;;
    *) echo "found $command; allowed are gate and deployed" >&2; exit 2 ;;
  esac
}

gate() {
  body='{}'
  [ -z "$release" ] || body="{\"release\": \"$release\"}"
  call "/v1/products/$product/gate?environment=$environment" "$body"
  cat "$answer"; echo
  [ "$status" != 409 ] || { echo "The gate of $product is shut." >&2; exit 6; }
}

deployed() {
  : "${release:?the release}"
  deployment=${DEPLOYMENT:-$release-$(date -u +%Y%m%dt%H)}
  changed=
  [ -z "${CHANGED_AT:-}" ] || changed=", \"changedAt\": \"$CHANGED_AT\""
  call /v1/deployments "{\"product\": \"$product\", \"environment\": \"$environment\", \"deployment\": \"$deployment\", \"release\": \"$release\"$changed}"
  # Its id is known already, with other releases: what was deployed now is not watched.
  [ "$status" != 409 ] || { cat "$answer" >&2; echo >&2; exit 1; }
  echo "$deployment of $product is watched for 24 hours."
  watch
}

# Until the monitor has ended or the time is over.
watch() {
  end=$(($(date +%s) + ${WAIT_MINUTES:-0} * 60))
  while [ "$(date +%s)" -lt "$end" ]; do
    call "/v1/deployments/$product/$deployment?environment=$environment"
    outcome=$(sed -n 's/.*"outcome":"\([a-z_]*\)","outcomeReason".*/\1/p' "$answer")
    case $outcome in
      rolled_back | needs_attention) cat "$answer" >&2; echo "$outcome" >&2; exit 4 ;;
      ?*) echo "$outcome"; return ;;
    esac
    sleep 5
  done
}

# Path, and what to post. While the API is not reached or asks to come again, it is tried for two minutes; curl keeps to Retry-After.
# The token is in no argument: every user of the machine sees those.
call() {
  status=$(printf 'header = "authorization: Bearer %s"\n' "$ORCHESTRATOR_TOKEN" |
    curl --config - --silent --show-error --output "$answer" --write-out '%{http_code}' \
      --retry 10 --retry-max-time 120 --retry-connrefused --max-time 60 \
      --header 'content-type: application/json' ${2:+--data "$2"} "$ORCHESTRATOR_API$1") ||
    { echo "the API at $ORCHESTRATOR_API does not answer" >&2; exit 5; }
  case $status in
    2* | 409) ;;
    *) cat "$answer" >&2; echo >&2; exit 1 ;;
  esac
}

main
