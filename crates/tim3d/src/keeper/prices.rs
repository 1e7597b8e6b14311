//! Where prices come from. Each source is asked in every round; what it says is handed on where it is news.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use futures::future::join_all;
use tim3_chain::Feed;
use tim3_domain::price::Price;
use tim3_keeper::price::Reading;
use tim3_rpc::{Http, SecretUrl};
use tokio::time::Instant;

use super::{
    Site,
    document::Document,
    mean::Mean,
    stream::{Heard, Settings, Stream},
};
use crate::{
    config::{self, JsonSource, Origin, PriceSource, UrlRef},
    output::now_ms,
};

/// All sources, with what each said last.
pub(super) struct Prices {
    sources: BTreeMap<String, Source>,
}

struct Source {
    origin: Reads,
    /// It is asked no more often.
    pause: Duration,
    asked: Option<Instant>,
    said: Vec<Reading>,
    /// Why it says nothing, if so.
    problem: Option<String>,
}

enum Reads {
    Feed { chain: String, feed: Feed },
    Pool { chain: String, mean: Mean },
    Document(Document),
    Stream(Box<Stream>),
    Fixed(Price),
}

/// What a source says, and why it does not say more.
#[derive(Default)]
struct Said {
    readings: Vec<Reading>,
    problem: Option<String>,
}

impl From<Result<Vec<Reading>, String>> for Said {
    fn from(found: Result<Vec<Reading>, String>) -> Self {
        match found {
            Ok(readings) => Self { readings, problem: None },
            Err(problem) => Self { readings: Vec::new(), problem: Some(problem) },
        }
    }
}

impl Prices {
    pub(super) fn new(keeper: &config::Keeper) -> Result<Self> {
        let mut sources = BTreeMap::new();
        for (name, source) in &keeper.prices {
            // Off a chain nothing says that there is news: a quarter of what may pass is soon enough.
            let quarter = source.max_age.checked_div(4).unwrap_or_default();
            let (origin, pause) = match &source.origin {
                Origin::Feed { chain, feed } => {
                    (Reads::Feed { chain: chain.clone(), feed: feed.clone() }, Duration::ZERO)
                }
                Origin::Pool { chain, priced, window, .. } => {
                    let (chain, mean) = (chain.clone(), Mean::new(*priced, *window));
                    let pause = mean.pause();
                    (Reads::Pool { chain, mean }, pause)
                }
                Origin::Json(json) => json_source(name, source, json, quarter)?,
                Origin::Fixed(price) => (Reads::Fixed(*price), quarter),
            };
            sources.insert(name.clone(), Source { origin, pause, asked: None, said: Vec::new(), problem: None });
        }
        Ok(Self { sources })
    }

    /// What was said before is news again.
    pub(super) fn forget(&mut self) {
        for source in self.sources.values_mut() {
            (source.asked, source.said) = (None, Vec::new());
        }
    }

    /// Asks every source whose time has come, and gives what those with news say.
    pub(super) async fn news(&mut self, sites: &BTreeMap<String, Site>, now: u64) -> Vec<(String, Vec<Reading>)> {
        let due = |source: &Source| source.asked.is_none_or(|asked| asked.elapsed() >= source.pause);
        let due: Vec<_> = self.sources.iter_mut().filter(|(_, source)| due(source)).collect();
        let asked = due.into_iter().map(|(name, source)| async move {
            source.asked = Some(Instant::now());
            let said = source.origin.read(sites, now).await;
            Some((name.clone(), source.take(said)?))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Sources that say nothing, and why.
    pub(super) fn problems(&self) -> impl Iterator<Item = (&String, &String)> {
        self.sources.iter().filter_map(|(name, source)| Some((name, source.problem.as_ref()?)))
    }
}

impl Source {
    /// All endpoints' readings where they are not those of before: the core weighs them against each other.
    fn take(&mut self, Said { mut readings, problem }: Said) -> Option<Vec<Reading>> {
        self.problem = problem;
        readings.sort_by_key(|reading| reading.endpoint);
        if readings.is_empty() || readings == self.said {
            return None;
        }
        self.said.clone_from(&readings);
        Some(readings)
    }
}

impl Reads {
    async fn read(&mut self, sites: &BTreeMap<String, Site>, now: u64) -> Said {
        match self {
            Self::Feed { chain, feed } => on_chain(sites, chain, feed).await.into(),
            Self::Pool { chain, mean } => match site(sites, chain) {
                Ok(site) => mean.read(site).await.into(),
                Err(problem) => Err(problem).into(),
            },
            Self::Document(document) => document.read(now).await.map(|reading| vec![reading]).into(),
            Self::Stream(stream) => {
                let Heard { newest, problem } = stream.heard(|| now_ms() / 1_000);
                Said { readings: newest.into_iter().collect(), problem }
            }
            Self::Fixed(price) => {
                let answer = i128::try_from(price.raw()).unwrap_or(i128::MAX);
                let (decimals, published) = (Price::DECIMALS, now);
                Ok(vec![Reading { endpoint: 0, answer, confidence: 0, decimals, published }]).into()
            }
        }
    }
}

fn site<'a>(sites: &'a BTreeMap<String, Site>, chain: &str) -> Result<&'a Site, String> {
    sites.get(chain).ok_or_else(|| format!("{chain} is not kept"))
}

async fn on_chain(sites: &BTreeMap<String, Site>, chain: &str, feed: &Feed) -> Result<Vec<Reading>, String> {
    let said = site(sites, chain)?.hands.feed(feed).await.map_err(|error| error.to_string())?;
    let reading = |it: tim3_chain::FeedReading| Reading {
        endpoint: it.endpoint,
        answer: it.answer,
        confidence: it.confidence,
        decimals: it.decimals,
        published: it.published,
    };
    Ok(said.into_iter().map(reading).collect())
}

/// A document that is fetched, or a server that speaks by itself: its URL decides, which may be where the configuration does not see it.
fn json_source(name: &str, source: &PriceSource, json: &JsonSource, quarter: Duration) -> Result<(Reads, Duration)> {
    let JsonSource { url, path, time_path, subscribe, silence } = json.clone();
    let url = url_of(name, &url)?;
    if !JsonSource::listens(&url) {
        if subscribe.is_some() {
            bail!("keeper.prices.{name}.subscribe goes with a URL of ws or wss, and it is {url}");
        }
        return Ok((Reads::Document(Document { http: Http::new(url)?, path, time_path }), quarter));
    }
    let settings = Settings {
        name: name.to_owned(),
        url,
        path,
        time_path,
        subscribe,
        silence,
        repeat: source.max_age.as_secs() / 4,
    };
    Ok((Reads::Stream(Box::new(Stream::new(settings))), Duration::ZERO))
}

fn url_of(name: &str, url: &UrlRef) -> Result<SecretUrl> {
    match url {
        UrlRef::Plain(url) => Ok(url.clone()),
        UrlRef::Secret(place) => match place.read()?.parse() {
            Ok(url) => Ok(url),
            // The parser does not repeat what it could not parse.
            Err(_) => bail!("keeper.prices.{name}.url: {place} is no URL"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_readings_are_news_when_one_is_or_when_others_answer() {
        let reading = |endpoint, published| Reading { endpoint, answer: 7, confidence: 0, decimals: 8, published };
        let origin = Reads::Fixed(Price::ONE);
        let mut source = Source { origin, pause: Duration::ZERO, asked: None, said: Vec::new(), problem: None };
        let both = vec![reading(0, 100), reading(1, 100)];
        let later = vec![reading(0, 100), reading(1, 112)];
        for (said, is_news) in [
            (both.clone(), true),
            (both.clone(), false),
            (both.iter().rev().copied().collect(), false),
            (later.clone(), true),
            (vec![reading(1, 112)], true),
            (Vec::new(), false),
            (later, true),
        ] {
            let mut sorted = said.clone();
            sorted.sort_by_key(|reading| reading.endpoint);
            assert_eq!(source.take(Ok(said).into()), is_news.then_some(sorted));
        }
    }
}
