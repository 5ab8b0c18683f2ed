#!/usr/bin/env bash
# Draw every password and key of docker/compose.yaml into docker/secrets/, once; what is there is never overwritten.
#
#     docker/secrets.sh [FOLDER]
#
# The folder is for its owner alone. The files in it can be read by all, because the containers' users are others.
set -euo pipefail
folder=${1:-$(dirname "$0")/secrets}
if [ -e "$folder" ]; then
    echo "$folder is there already, and stays as it is" >&2
    exit 65
fi
part=$folder.part
rm -rf "$part"
mkdir -p "$part"
chmod 700 "$part"
trap 'rm -rf "$part"' EXIT

word() { openssl rand -hex "$1"; }
put() { tr -d '\n' >"$part/$1"; }

postgres=$(word 20) redis=$(word 20) key=$(word 10) secret=$(word 20) mlflow=$(word 12) airflow=$(word 12)

put postgres_password <<<"$postgres"
put sql_alchemy_conn <<<"postgresql+psycopg2://airflow:$postgres@postgres:5432/airflow"
put result_backend <<<"db+postgresql+psycopg2://airflow:$postgres@postgres:5432/airflow"
put broker_url <<<"redis://:$redis@redis:6379/0"
put jwt_secret <<<"$(word 64)"
put session_secret <<<"$(word 32)"
openssl rand -base64 32 | tr '+/' '-_' | put fernet_key
put airflow_passwords.json <<<"{\"admin\": \"$airflow\"}"
cat >"$part/redis.conf" <<END
bind 0.0.0.0
port 6379
dir /data
appendonly yes
save ""
requirepass $redis
END
cat >"$part/s3_identities.json" <<END
{"identities": [{"name": "admin", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
                 "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
END
cat >"$part/mlflow.env" <<END
AWS_ACCESS_KEY_ID=$key
AWS_SECRET_ACCESS_KEY=$secret
AWS_DEFAULT_REGION=us-east-1
MLFLOW_AUTH_ADMIN_PASSWORD=$mlflow
MLFLOW_FLASK_SERVER_SECRET_KEY=$(word 32)
END
cat >"$part/mlflow_auth.ini" <<END
[mlflow]
default_permission = READ
database_uri = sqlite:////data/users.db
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 3600
END
cat >"$part/connections.json" <<END
{
  "featherline_store": {
    "conn_type": "aws", "login": "$key", "password": "$secret",
    "extra": {"endpoint_url": "http://s3:8333", "region_name": "us-east-1"}
  },
  "featherline_registry": {
    "conn_type": "http", "host": "mlflow", "port": 5000, "login": "admin", "password": "$mlflow"
  },
  "featherline_studies": {"conn_type": "redis", "host": "redis", "port": 6379, "password": "$redis", "schema": "1"}
}
END
# What the parts of SeaweedFS know each other by: whoever reaches the network may not be one of them.
curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${curve[@]}" -keyout "$part/ca.key" -out "$part/weed_ca.crt" -days 3650 \
    -subj /CN=featherline-ca -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req "${curve[@]}" -keyout "$part/weed.key" -subj /CN=featherline 2>/dev/null |
    openssl x509 -req -CA "$part/weed_ca.crt" -CAkey "$part/ca.key" -days 3650 -out "$part/weed.crt" -extfile <(
        echo "subjectAltName = DNS:s3, DNS:localhost, IP:127.0.0.1"
        echo "extendedKeyUsage = serverAuth, clientAuth"
    ) 2>/dev/null
rm "$part/ca.key" # nobody can make another
pair=$'cert = "/run/secrets/weed.crt"\nkey = "/run/secrets/weed.key"' ca='ca = "/run/secrets/weed_ca.crt"'
{
    for name in signing signing.read filer_signing filer_signing.read; do
        printf '[jwt.%s]\nkey = "%s"\nexpires_after_seconds = 3600\n\n' "$name" "$(word 32)"
    done
    printf '[grpc]\n%s\n\n' "$ca"
    for name in master volume filer s3 admin worker client msg_broker msg_agent mq; do
        printf '[grpc.%s]\n%s\n\n' "$name" "$pair"
    done
    printf '[https.client]\nenabled = true\n%s\n%s\n\n' "$pair" "$ca"
    for name in master volume filer admin; do printf '[https.%s]\n%s\n%s\n\n' "$name" "$pair" "$ca"; done
} >"$part/security.toml"
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$part/signing_key.pem"
openssl pkey -in "$part/signing_key.pem" -pubout -out "$part/verify_key.pem"
chmod 644 "$part"/*
mv "$part" "$folder"
echo "passwords and keys are in $folder; user admin of Airflow and MLflow: airflow_passwords.json, connections.json"
