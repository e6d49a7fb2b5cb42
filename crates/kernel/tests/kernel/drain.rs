//! A wait that could not be confirmed never says that nothing was changed.

use std::sync::Arc;

use base::Code;
use kernel::keys;
use kernel::spine::{DRAIN_ATTEMPTS_MAX, lineage_gate};

use crate::fixture::World;
use crate::shop::*;

on_both_engines! {
    a_revocation_whose_wait_is_cut_short_holds_and_its_caller_is_told
}

async fn a_revocation_whose_wait_is_cut_short_holds_and_its_caller_is_told(world: Arc<World>) {
    let (key, _) = world.key().await;
    buy(&world.kernel, world.call(&key)).await.unwrap();
    let key_id = key.key_id;
    let lineage_id = world.write(move |tx, ctx| keys::revoke(tx, ctx, key_id)).await.unwrap();
    let cut = world.another_kernel(world.clock.clone());
    tokio::task::block_in_place(|| cut.db.close());
    let fault = cut.drain(world.tenant_id, lineage_gate(lineage_id)).await.unwrap_err();
    assert_eq!(fault.code, Code::Unavailable);
    assert!(fault.detail.contains("holds") && fault.detail.contains("Repeat the call"), "{fault:?}");
    assert!(!fault.detail.contains("Nothing was changed"), "{fault:?}");
    assert!(fault.retry_after_s.is_some() && format!("{fault:?}").contains("shutting down"), "{fault:?}");
}

mod postgres_only {
    use db::Engine;

    use super::*;

    const COUNTER: &str = "CREATE SEQUENCE attempts";
    const GATE: &str = "CREATE TRIGGER busy BEFORE UPDATE ON gate FOR EACH ROW EXECUTE FUNCTION busy()";
    const MADE: &str = "SELECT last_value FROM attempts";
    const BUSY_TWICE: &str = "CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
        IF nextval(''attempts'') < 3 THEN RAISE EXCEPTION ''busy'' USING ERRCODE = ''55P03''; END IF; \
        RETURN NEW; END'";
    const ALWAYS_BUSY: &str = "CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
        PERFORM nextval(''attempts''); RAISE EXCEPTION ''busy'' USING ERRCODE = ''55P03''; END'";

    #[test]
    fn a_gate_that_is_busy_at_first_is_tried_again() {
        crate::fixture::run(Engine::Postgres, |world| async move {
            assert_eq!(drained(&world, BUSY_TWICE).await.err().map(|fault| fault.code), None);
            assert_eq!(attempts(&world).await, 3);
        });
    }

    #[test]
    fn a_gate_that_stays_busy_is_given_up_after_a_few_attempts() {
        crate::fixture::run(Engine::Postgres, |world| async move {
            let fault = drained(&world, ALWAYS_BUSY).await.unwrap_err();
            assert_eq!(fault.code, Code::Unavailable);
            assert!(!fault.detail.contains("Nothing was changed"), "{fault:?}");
            assert_eq!(attempts(&world).await, i64::from(DRAIN_ATTEMPTS_MAX));
        });
    }

    async fn drained(world: &Arc<World>, busy: &'static str) -> Result<(), base::Fault> {
        for statement in [COUNTER, busy, GATE] {
            world.write(move |tx, _| Ok(tx.exec(statement, &[])?)).await.unwrap();
        }
        world.kernel.drain(world.tenant_id, world.tenant_id.text()).await
    }

    async fn attempts(world: &Arc<World>) -> i64 {
        world.read(|tx| Ok(tx.one(MADE, &[], |row| row.int(0))?)).await
    }
}
