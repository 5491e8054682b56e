//! `PublicEndpoint`, which PutEvents, UpdateEndpoint and event-stream records share.

use alloc::vec::Vec;

use super::DecodeError;
use super::decode::{self, Node};
use super::encode::{map, number_map, optional_number, optional_text};
use crate::event::{CHANNEL_TYPES, Demographic, Endpoint, Location, Map, Text, User};
use crate::json::{Number, Value, Writer};

/// Most characters in the name of an attribute or metric of an endpoint.
const MAX_NAME_CHARS: usize = 50;
/// Most values of one attribute.
const MAX_VALUES: usize = 50;
/// Most characters in one value of an attribute.
const MAX_VALUE_CHARS: usize = 100;

/// Writes the members of an endpoint, into an object that is open; `effective_date` in place of its
/// own. Empty maps are left out.
pub(super) fn write_members(
    writer: &mut Writer,
    endpoint: &Endpoint<'_>,
    effective_date: Option<&str>,
) {
    optional_text(writer, "Address", endpoint.address.as_deref());
    optional_text(writer, "ChannelType", endpoint.channel_type.as_deref());
    optional_text(writer, "EffectiveDate", effective_date);
    optional_text(
        writer,
        "EndpointStatus",
        endpoint.endpoint_status.as_deref(),
    );
    optional_text(writer, "OptOut", endpoint.opt_out.as_deref());
    optional_text(writer, "RequestId", endpoint.request_id.as_deref());
    if !endpoint.attributes.is_empty() {
        write_values(writer, "Attributes", &endpoint.attributes);
    }
    if !endpoint.metrics.is_empty() {
        number_map(writer, "Metrics", &endpoint.metrics);
    }
    if let Some(demographic) = &endpoint.demographic {
        write_demographic(writer.name("Demographic"), demographic);
    }
    if let Some(location) = &endpoint.location {
        write_location(writer.name("Location"), location);
    }
    if let Some(user) = &endpoint.user {
        write_user(writer.name("User"), user);
    }
}

fn write_texts(writer: &mut Writer, texts: &[(&str, &Option<Text<'_>>)]) {
    for (name, text) in texts {
        optional_text(writer, name, text.as_deref());
    }
}

/// A map of lists of strings.
pub(super) fn write_values(writer: &mut Writer, name: &str, values: &Map<'_, Vec<Text<'_>>>) {
    map(writer, name, values, |writer, values| {
        writer.begin_array();
        for value in values {
            writer.string(value);
        }
        writer.end_array();
    });
}

fn write_demographic(writer: &mut Writer, demographic: &Demographic<'_>) {
    let texts = [
        ("AppVersion", &demographic.app_version),
        ("Locale", &demographic.locale),
        ("Make", &demographic.make),
        ("Model", &demographic.model),
        ("ModelVersion", &demographic.model_version),
        ("Platform", &demographic.platform),
        ("PlatformVersion", &demographic.platform_version),
        ("Timezone", &demographic.timezone),
    ];
    writer.begin_object();
    write_texts(writer, &texts);
    writer.end_object();
}

fn write_location(writer: &mut Writer, location: &Location<'_>) {
    let texts = [
        ("City", &location.city),
        ("Country", &location.country),
        ("PostalCode", &location.postal_code),
        ("Region", &location.region),
    ];
    writer.begin_object();
    write_texts(writer, &texts);
    optional_number(writer, "Latitude", location.latitude.as_ref());
    optional_number(writer, "Longitude", location.longitude.as_ref());
    writer.end_object();
}

fn write_user(writer: &mut Writer, user: &User<'_>) {
    writer.begin_object();
    optional_text(writer, "UserId", user.user_id.as_deref());
    if !user.user_attributes.is_empty() {
        write_values(writer, "UserAttributes", &user.user_attributes);
    }
    writer.end_object();
}

/// Reads an endpoint, whatever its values are.
pub(super) fn read<'a>(node: &Node<'_, 'a>) -> Endpoint<'a> {
    node.object();
    Endpoint {
        address: node.member("Address").optional_text(),
        channel_type: node.member("ChannelType").optional_text(),
        effective_date: node.member("EffectiveDate").optional_text(),
        endpoint_status: node.member("EndpointStatus").optional_text(),
        opt_out: node.member("OptOut").optional_text(),
        request_id: node.member("RequestId").optional_text(),
        attributes: node.member("Attributes").map(texts),
        metrics: node.member("Metrics").map(|node| node.number()),
        demographic: node.member("Demographic").optional(read_demographic),
        location: node.member("Location").optional(read_location),
        user: node.member("User").optional(read_user),
    }
}

fn texts<'a>(node: &Node<'_, 'a>) -> Vec<Text<'a>> {
    node.array(|node| node.text())
}

fn read_demographic<'a>(node: &Node<'_, 'a>) -> Demographic<'a> {
    node.object();
    Demographic {
        app_version: node.member("AppVersion").optional_text(),
        locale: node.member("Locale").optional_text(),
        make: node.member("Make").optional_text(),
        model: node.member("Model").optional_text(),
        model_version: node.member("ModelVersion").optional_text(),
        platform: node.member("Platform").optional_text(),
        platform_version: node.member("PlatformVersion").optional_text(),
        timezone: node.member("Timezone").optional_text(),
    }
}

fn read_location<'a>(node: &Node<'_, 'a>) -> Location<'a> {
    node.object();
    Location {
        city: node.member("City").optional_text(),
        country: node.member("Country").optional_text(),
        postal_code: node.member("PostalCode").optional_text(),
        region: node.member("Region").optional_text(),
        latitude: node.member("Latitude").optional(|node| node.number()),
        longitude: node.member("Longitude").optional(|node| node.number()),
    }
}

fn read_user<'a>(node: &Node<'_, 'a>) -> User<'a> {
    node.object();
    User {
        user_id: node.member("UserId").optional_text(),
        user_attributes: node.member("UserAttributes").map(texts),
    }
}

/// Reads an endpoint that a client sent, and gives what is wrong with it. What Pinpoint's API would
/// refuse is left out: a member, an attribute, a metric, and of an object that gives a name twice all
/// of it.
pub(super) fn read_sent<'a>(value: &Value<'a>) -> (Endpoint<'a>, Vec<DecodeError>) {
    let mut mistakes = Vec::new();
    let endpoint = decode::value(value, |node| SentReader(&mut mistakes).endpoint(node));
    (endpoint.unwrap_or_default(), mistakes)
}

/// Collects what is wrong.
struct SentReader<'m>(&'m mut Vec<DecodeError>);

impl SentReader<'_> {
    /// What `read` makes of a node, by itself; `None` where it is absent or wrong.
    fn apart<'a, T>(
        &mut self,
        node: &Node<'_, 'a>,
        read: impl FnOnce(&Node<'_, 'a>) -> T,
    ) -> Option<T> {
        let found = node.apart(|node| node.optional(read));
        found.unwrap_or_else(|mistake| {
            self.0.push(mistake);
            None
        })
    }

    /// Whether a node is an object that can be used.
    fn is_object(&mut self, node: &Node<'_, '_>) -> bool {
        self.apart(node, |node| {
            node.object();
        })
        .is_some()
    }

    fn text<'a>(&mut self, node: &Node<'_, 'a>) -> Option<Text<'a>> {
        self.apart(node, |node| node.text())
    }

    fn number<'a>(&mut self, node: &Node<'_, 'a>) -> Option<Number<'a>> {
        self.apart(node, |node| node.number_in_double_range())
    }

    fn choice<'a>(
        &mut self,
        node: &Node<'_, 'a>,
        choices: &[&str],
        expected: &str,
    ) -> Option<Text<'a>> {
        self.apart(node, |node| {
            let text = node.text();
            if !choices.contains(&&*text) {
                node.refuse(expected);
            }
            text
        })
    }

    fn endpoint<'a>(&mut self, node: &Node<'_, 'a>) -> Endpoint<'a> {
        // An endpoint is an object even where it is null.
        let object = node.apart(|node| {
            node.object();
        });
        if let Err(mistake) = object {
            self.0.push(mistake);
            return Endpoint::default();
        }
        Endpoint {
            address: self.text(&node.member("Address")),
            channel_type: self.choice(
                &node.member("ChannelType"),
                &CHANNEL_TYPES,
                "expected one of Pinpoint's channel types, such as EMAIL or CUSTOM, got another string",
            ),
            effective_date: self.text(&node.member("EffectiveDate")),
            endpoint_status: self.choice(
                &node.member("EndpointStatus"),
                &["ACTIVE", "INACTIVE"],
                "expected ACTIVE or INACTIVE, got another string",
            ),
            opt_out: self.choice(
                &node.member("OptOut"),
                &["ALL", "NONE"],
                "expected ALL or NONE, got another string",
            ),
            request_id: self.text(&node.member("RequestId")),
            attributes: self.map(&node.member("Attributes"), read_values),
            metrics: self.map(&node.member("Metrics"), |node| {
                node.number_in_double_range()
            }),
            demographic: self.demographic(&node.member("Demographic")),
            location: self.location(&node.member("Location")),
            user: self.user(&node.member("User")),
        }
    }

    /// The members of a map that have a name of a length that is allowed and a value that `read` takes.
    fn map<'a, T>(&mut self, node: &Node<'_, 'a>, read: impl Fn(&Node<'_, 'a>) -> T) -> Map<'a, T> {
        if !self.is_object(node) {
            return Map::new();
        }
        let read = |member: &Node<'_, 'a>| {
            if member.name().chars().count() <= MAX_NAME_CHARS {
                return self.apart(member, &read);
            }
            // The name is not repeated: it is too long for that.
            self.apart(node, |node| {
                node.refuse("expected names of at most 50 characters, got a longer one");
            });
            None
        };
        node.map_with(read)
    }

    fn demographic<'a>(&mut self, node: &Node<'_, 'a>) -> Option<Demographic<'a>> {
        self.is_object(node).then(|| Demographic {
            app_version: self.text(&node.member("AppVersion")),
            locale: self.text(&node.member("Locale")),
            make: self.text(&node.member("Make")),
            model: self.text(&node.member("Model")),
            model_version: self.text(&node.member("ModelVersion")),
            platform: self.text(&node.member("Platform")),
            platform_version: self.text(&node.member("PlatformVersion")),
            timezone: self.text(&node.member("Timezone")),
        })
    }

    fn location<'a>(&mut self, node: &Node<'_, 'a>) -> Option<Location<'a>> {
        self.is_object(node).then(|| Location {
            city: self.text(&node.member("City")),
            country: self.text(&node.member("Country")),
            postal_code: self.text(&node.member("PostalCode")),
            region: self.text(&node.member("Region")),
            latitude: self.number(&node.member("Latitude")),
            longitude: self.number(&node.member("Longitude")),
        })
    }

    fn user<'a>(&mut self, node: &Node<'_, 'a>) -> Option<User<'a>> {
        self.is_object(node).then(|| User {
            user_id: self.text(&node.member("UserId")),
            user_attributes: self.map(&node.member("UserAttributes"), read_values),
        })
    }
}

/// The values of an attribute.
fn read_values<'a>(node: &Node<'_, 'a>) -> Vec<Text<'a>> {
    let values = texts(node);
    if values.len() > MAX_VALUES {
        node.refuse("expected at most 50 values, got more");
    }
    let is_long = |value: &Text<'_>| value.chars().count() > MAX_VALUE_CHARS;
    if values.iter().any(is_long) {
        node.refuse("expected values of at most 100 characters, got a longer one");
    }
    values
}
