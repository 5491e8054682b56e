//! From an event to its event-stream record.

use forebay_core::event::{Demographic, Endpoint, Event, Text};
use forebay_core::wire::event_stream::{
    self, Application, Bot, Campaign, Client, Forebay, Geo, Network, Record, Session,
    encode_endpoint,
};

use super::Context;
use super::enrich::bot::bot;
use super::enrich::campaign::Page;
use super::enrich::device::Device;
use super::enrich::network::network;
use super::enrich::place::geo;

/// No make, model or version is longer. The endpoint, which the record holds too, has it whole.
const MAX_DEMOGRAPHIC_BYTES: usize = 128;

/// What the records of a batch share: encoded once, whatever the number of its events.
pub struct Shared<'e> {
    endpoint: &'e Endpoint<'e>,
    encoded: event_stream::Shared,
}

impl Shared<'_> {
    /// The record, with what it shares.
    pub fn encode(&self, record: &Record<'_>) -> String {
        record.encode_with(&self.encoded)
    }
}

/// Makes the records of a request's events.
pub struct RecordMaker<'a> {
    context: &'a Context<'a>,
    device: Device,
    network: Network<'a>,
    bot: Option<Bot<'a>>,
    page: Page<'a>,
}

impl<'a> RecordMaker<'a> {
    /// Reads what the worker itself knows from the request. What a server's request says is of the
    /// server, and of nobody whose events it sends.
    pub fn new(context: &'a Context<'a>) -> RecordMaker<'a> {
        let head = context.head;
        let of_visitor = context.caller.sender.is_visitor();
        let added = &context.config.enrichment;
        let device = match of_visitor && added.device {
            true => Device::read(head),
            false => Device::default(),
        };
        RecordMaker {
            context,
            network: match of_visitor && added.network {
                true => network(&head.cf),
                false => Network::default(),
            },
            bot: (of_visitor && added.bot)
                .then(|| bot(head, &device))
                .flatten(),
            page: match of_visitor && added.campaign {
                true => Page::read(head),
                false => Page::default(),
            },
            device,
        }
    }

    /// What the records of a batch share.
    pub fn batch<'e>(&'e self, client_id: &'e str, endpoint: &'e Endpoint<'e>) -> Shared<'e> {
        let Context { head, app, .. } = self.context;
        let caller = self.context.caller;
        let client = Client {
            client_id: client_id.into(),
            cognito_id: caller.sender.cognito_id().map(Text::from),
        };
        let encoded = event_stream::Shared::new(
            &client,
            &self.device(endpoint),
            encode_endpoint(endpoint, &app.app_id, client_id, head.arrival),
            Some(&self.forebay(endpoint)),
        );
        Shared { endpoint, encoded }
    }

    /// What is said of all events of an endpoint.
    fn forebay<'e>(&'e self, endpoint: &'e Endpoint<'_>) -> Forebay<'e> {
        let Context {
            head,
            config,
            caller,
            ..
        } = self.context;
        let cf = caller.sender.is_visitor().then_some(&head.cf);
        Forebay {
            amr: caller.sender.amr().into(),
            geo: match config.enrichment.place {
                true => geo(endpoint, cf),
                false => Geo::default(),
            },
            network: self.network.clone(),
            bot: self.bot.clone(),
            browser_name: self.device.browser.as_deref().map(Text::from),
            browser_version: self.device.browser_version.as_deref().map(Text::from),
            device_category: self.device.category.map(Text::from),
            ..Forebay::default()
        }
    }

    /// The record of one event, without what [`Shared::encode`] adds to it. Session
    /// times are by the same clock as the event's, and corrected with it.
    pub fn record<'e>(
        &'e self,
        batch: &'e Shared<'e>,
        event_id: &'e str,
        event: &'e Event<'_>,
    ) -> Record<'e> {
        let endpoint = batch.endpoint;
        let Context {
            head,
            config,
            clock,
            ..
        } = self.context;
        let (campaign, referrer_host) = match config.enrichment.campaign {
            true => self.page.of(event),
            false => (Campaign::default(), None),
        };
        let event_timestamp = clock.correct(event.timestamp);
        Record {
            event_type: borrowed(&event.event_type),
            event_timestamp,
            arrival_timestamp: head.arrival,
            application: self.application(event, endpoint),
            client: Client::default(),
            device: event_stream::Device::default(),
            session: event.session.as_ref().map(|session| Session {
                session_id: borrowed(&session.id),
                start_timestamp: Some(clock.correct(session.start_timestamp)),
                stop_timestamp: session.stop_timestamp.map(|stop| clock.correct(stop)),
            }),
            attributes: event.attributes.clone(),
            metrics: event.metrics.clone(),
            endpoint: Endpoint::default(),
            aws_account_id: config.aws_account_id.as_deref().map(Text::from),
            forebay: Some(Forebay {
                event_id: event_id.into(),
                schema_version: config.schema.version,
                original_event_timestamp: (event_timestamp != event.timestamp)
                    .then_some(event.timestamp),
                clock_offset: clock.offset_ms.filter(|offset| *offset != 0),
                campaign,
                referrer_host,
                ..Forebay::default()
            }),
        }
    }

    fn application<'e>(
        &'e self,
        event: &'e Event<'_>,
        endpoint: &'e Endpoint<'_>,
    ) -> Application<'e> {
        let app = self.context.app;
        let demographic = endpoint.demographic.as_ref();
        Application {
            app_id: app.app_id.as_str().into(),
            cognito_identity_pool_id: Some(app.identity_pool_id.as_str().into()),
            package_name: event.app_package_name.as_ref().map(borrowed),
            sdk_name: event.sdk_name.as_ref().map(borrowed),
            sdk_version: event.client_sdk_version.as_ref().map(borrowed),
            title: event.app_title.as_ref().map(borrowed),
            version_name: demographic
                .and_then(|said| said.app_version.as_ref())
                .map(cut),
            version_code: event.app_version_code.as_ref().map(borrowed),
        }
    }

    /// What the endpoint says of its device, and for the rest what the request's headers do.
    fn device<'e>(&'e self, endpoint: &'e Endpoint<'_>) -> event_stream::Device<'e> {
        let said = endpoint.demographic.as_ref();
        let said = |member: fn(&'e Demographic<'_>) -> &'e Option<Text<'e>>| {
            said.and_then(|said| member(said).as_ref()).map(cut)
        };
        let seen = &self.device;
        let platform_name = said(|said| &said.platform);
        // A version belongs to the platform that it was said of.
        let seen_version = match platform_name {
            Some(_) => None,
            None => seen.platform_version.as_deref(),
        };
        event_stream::Device {
            locale: said(|said| &said.locale).or(seen.locale.as_deref().map(Text::from)),
            make: said(|said| &said.make),
            model: said(|said| &said.model).or(seen.model.as_deref().map(Text::from)),
            platform_name: platform_name.or(seen.platform.as_deref().map(Text::from)),
            platform_version: said(|said| &said.platform_version).or(seen_version.map(Text::from)),
        }
    }
}

/// What the endpoint says of its device, as the record repeats it beside the endpoint.
fn cut<'a>(text: &'a Text<'_>) -> Text<'a> {
    Text::Borrowed(&text[..text.floor_char_boundary(MAX_DEMOGRAPHIC_BYTES)])
}

fn borrowed<'a>(text: &'a Text<'_>) -> Text<'a> {
    Text::Borrowed(text)
}
