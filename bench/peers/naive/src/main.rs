//! A yardstick: token verification as a straightforward service does it.
//!
//! One axum handler, a pool of 64 PostgreSQL connections, and one statement a request: a guarded update of the
//! balance and a ledger row, committed before the answer leaves.
//! It is neither slowed down nor tuned: prepared statements, keep-alive, a release build, the same cluster settings
//! as the server it is compared with.
#![expect(clippy::print_stdout, reason = "the line that says where it listens is its interface")]

use std::error::Error;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Statement};

const CONNECTIONS: usize = 64;

const SCHEMA: &str = "
    CREATE TABLE account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0));
    CREATE TABLE token (text TEXT PRIMARY KEY, account_id BIGINT NOT NULL REFERENCES account (id));
    CREATE TABLE ledger (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        account_id BIGINT NOT NULL,
        amount BIGINT NOT NULL,
        at TIMESTAMPTZ NOT NULL DEFAULT now()
    );
    CREATE INDEX ledger_account ON ledger (account_id, id);
";

const SEED_ACCOUNTS: &str = "INSERT INTO account (id, balance) SELECT n, CAST($2 AS BIGINT) FROM generate_series(1, CAST($1 AS BIGINT)) AS n";

/// All tokens have one length, so that a client can patch them into a request.
const SEED_TOKENS: &str = "INSERT INTO token (text, account_id)
    SELECT 'peer_' || lpad(n::TEXT, 32, '0'), n FROM generate_series(1, CAST($1 AS BIGINT)) AS n";

const CHARGE: &str = "
    WITH spent AS (
        UPDATE account SET balance = balance - $2
        WHERE id = (SELECT account_id FROM token WHERE text = $1) AND balance >= $2
        RETURNING id, balance
    ), noted AS (
        INSERT INTO ledger (account_id, amount) SELECT id, $2 FROM spent
    )
    SELECT balance FROM spent";

const SUMMARY: &str = "SELECT (SELECT COUNT(*) FROM ledger),
    (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger),
    (SELECT CAST(SUM(balance) AS BIGINT) FROM account)";

#[derive(Debug, Parser)]
struct Arguments {
    /// An empty database.
    #[arg(long)]
    database: String,
    #[arg(long, default_value_t = 10_000)]
    accounts: i64,
    #[arg(long, default_value_t = 1_000_000_000)]
    points: i64,
}

struct Session {
    client: Client,
    charge: Statement,
}

struct Pool {
    free: Semaphore,
    sessions: Mutex<Vec<Session>>,
}

impl Pool {
    async fn open(url: &str) -> Result<Self, tokio_postgres::Error> {
        let mut sessions = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let client = connect(url).await?;
            let charge = client.prepare(CHARGE).await?;
            sessions.push(Session { client, charge });
        }
        Ok(Self { free: Semaphore::new(CONNECTIONS), sessions: Mutex::new(sessions) })
    }

    async fn charge(&self, token: &str, points: i64) -> Result<Option<i64>, tokio_postgres::Error> {
        let _permit = self.free.acquire().await.expect("the pool is never closed");
        let session =
            self.sessions.lock().expect("no holder panics").pop().expect("a permit stands for a session");
        let row = session.client.query_opt(&session.charge, &[&token, &points]).await;
        self.sessions.lock().expect("no holder panics").push(session);
        Ok(row?.map(|row| row.get(0)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let client = connect(&arguments.database).await?;
    client.batch_execute(SCHEMA).await?;
    client.execute(SEED_ACCOUNTS, &[&arguments.accounts, &arguments.points]).await?;
    client.execute(SEED_TOKENS, &[&arguments.accounts]).await?;
    client.batch_execute("VACUUM ANALYZE").await?;
    let pool = Arc::new(Pool::open(&arguments.database).await?);
    let verify = Router::new().route("/v1/verify", post(verify)).with_state(pool);
    let summary = Router::new().route("/summary", get(summary)).with_state(Arc::new(client));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({ "baseUrl": format!("http://{}", listener.local_addr()?) }));
    axum::serve(listener, verify.merge(summary)).await?;
    Ok(())
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn verify(State(pool): State<Arc<Pool>>, headers: HeaderMap) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match pool.charge(token, 1).await {
        Ok(Some(balance)) => {
            let answer = json!({
                "status": "ok", "remaining": "check-admin", "balance": balance, "expires_at": null,
            });
            Json(answer).into_response()
        }
        Ok(None) => StatusCode::FORBIDDEN.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn summary(State(client): State<Arc<Client>>) -> Response {
    match client.query_one(SUMMARY, &[]).await {
        Ok(row) => {
            let [charges, charged, balances] = [0, 1, 2].map(|column| row.get::<_, i64>(column));
            Json(json!({ "charges": charges, "charged": charged, "balances": balances })).into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
