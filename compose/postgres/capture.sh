#!/bin/bash
# Lets the connector in, and puts the example's tables under audit. PostgreSQL's image runs this once, after the SQL files beside it.
set -euo pipefail
psql --no-psqlrc -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v password="$DOSSIER_CAPTURE_PASSWORD" <<'SQL'
ALTER ROLE dossier_capture PASSWORD :'password';
SELECT dossier.capture_schema('public');
SQL
