//! How the store is put together: the durable tier, Redis before it where there is one, and what guards both.

use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use super::{StartError, meaning::breaker_limits};
use crate::{
    settings::{DatabaseUrl, RedisAddress, Settings},
    store::{
        Breaker, BreakerMetrics, Cache, Deadline, Dependency, Durable, ReadThrough, RegistryMetrics, Store,
        StoreMetrics, Tiers,
        postgres::{self, PostgresStore},
        redis::{self, Place, RedisMetrics, RedisTier},
        sooner,
        sqlite::{self, SqliteStore},
    },
};

/// Opens the tiers that the settings name. Blocks: not for an async task.
///
/// # Errors
/// `Store`: the durable store cannot be opened, or Redis's URL says nothing we understand.
pub(super) fn open(
    settings: &Settings,
    stores: &Runtime,
    registry: &mut Registry,
    found: &RegistryMetrics,
) -> Result<Store, StartError> {
    let durable = open_durable(settings, stores, registry)?;
    let breakers = BreakerMetrics::register(registry);
    let cache = match settings.redis.address() {
        Some(address) => Some(open_cache(settings, address, stores, registry, found, &breakers)?),
        None => {
            if settings.redis.readthrough_enabled {
                tracing::warn!(context = "GameSessionRegistryRedis", "The tier is enabled, but no Redis is named");
            }
            None
        }
    };
    Ok(Store::new(Tiers {
        durable,
        cache,
        reads: Breaker::new(Dependency::Store, breaker_limits(settings), &breakers),
        deadline: Deadline::new(settings.limits.request_timeout),
        metrics: StoreMetrics::register(registry),
        registry: found.clone(),
    }))
}

fn open_cache(
    settings: &Settings,
    address: RedisAddress,
    stores: &Runtime,
    registry: &mut Registry,
    found: &RegistryMetrics,
    breakers: &BreakerMetrics,
) -> Result<Cache, StartError> {
    let place = match address {
        RedisAddress::Single(url) => Place::Single(url.expose().to_owned()),
        RedisAddress::Cluster(nodes) => Place::Cluster(nodes.iter().map(|url| url.expose().to_owned()).collect()),
    };
    let options = redis::OpenOptions {
        place,
        namespace: settings.redis.namespace.as_str().to_owned(),
        pool_min: settings.redis.pool_min,
        pool_max: settings.redis.pool_max.get(),
        timeout: settings.redis.timeout,
        ttl: settings.session.token_ttl,
        retention: settings.session.replay_retention.get(),
    };
    let breaker = Breaker::new(Dependency::Redis, breaker_limits(settings), breakers);
    let metrics = RedisMetrics::register(registry);
    let tier = RedisTier::open(&options, breaker.clone(), found.clone(), &metrics, stores.handle());
    let tier = tier.map_err(|error| StartError::Store(error.to_string()))?;
    tier.register_gauges(registry);
    let read_through = ReadThrough {
        enabled: settings.redis.readthrough_enabled,
        percent: settings.redis.readthrough_percent.as_u8(),
    };
    Ok(Cache::new(tier, breaker, read_through, found.clone()))
}

fn open_durable(settings: &Settings, stores: &Runtime, registry: &mut Registry) -> Result<Durable, StartError> {
    let durable = match &settings.store.url {
        DatabaseUrl::Sqlite(path) => {
            let _in_runtime = stores.enter();
            let options = sqlite::OpenOptions { run_migrations: settings.store.run_migrations, ..Default::default() };
            Durable::Sqlite(SqliteStore::open(path, &options).map_err(|error| StartError::Store(error.to_string()))?)
        }
        DatabaseUrl::Postgres(url) => {
            let options = postgres::OpenOptions {
                run_migrations: settings.store.run_migrations,
                pool_min: settings.store.pool_min,
                pool_max: settings.store.pool_max.get(),
                deadline: sooner(settings.limits.request_timeout),
            };
            let store = PostgresStore::open(url.expose(), &options, stores.handle());
            let store = store.map_err(|error| StartError::Store(error.to_string()))?;
            store.register_gauges(registry);
            Durable::Postgres(store)
        }
    };
    Ok(durable)
}
