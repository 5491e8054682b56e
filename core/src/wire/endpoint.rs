//! `PublicEndpoint`, which PutEvents, UpdateEndpoint and event-stream records share.

use alloc::vec::Vec;

use super::decode::Node;
use super::encode::{map, number_map, optional_number, optional_text};
use crate::event::{CHANNEL_TYPES, Demographic, Endpoint, Location, Map, Text, User};
use crate::json::Writer;

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

/// Reads an endpoint that a client sent: what Pinpoint's API would refuse is refused.
pub(super) fn read_sent<'a>(node: &Node<'_, 'a>) -> Endpoint<'a> {
    let endpoint = read(node);
    check_choice(
        &node.member("ChannelType"),
        &CHANNEL_TYPES,
        "expected one of Pinpoint's channel types, such as EMAIL or CUSTOM",
    );
    check_choice(
        &node.member("EndpointStatus"),
        &["ACTIVE", "INACTIVE"],
        "expected ACTIVE or INACTIVE",
    );
    check_choice(
        &node.member("OptOut"),
        &["ALL", "NONE"],
        "expected ALL or NONE",
    );
    check_values(&node.member("Attributes"), &endpoint.attributes);
    for (name, _) in &endpoint.metrics {
        check_name(&node.member("Metrics"), name);
    }
    if let Some(user) = &endpoint.user {
        let user_node = node.member("User");
        check_values(&user_node.member("UserAttributes"), &user.user_attributes);
    }
    endpoint
}

fn check_choice(node: &Node<'_, '_>, allowed: &[&str], reason: &str) {
    if node
        .value()
        .as_str()
        .is_some_and(|text| !allowed.contains(&text))
    {
        node.refuse(reason);
    }
}

fn check_name(map: &Node<'_, '_>, name: &str) {
    if name.chars().count() > MAX_NAME_CHARS {
        map.refuse("expected names of at most 50 characters");
    }
}

fn check_values(node: &Node<'_, '_>, map: &Map<'_, Vec<Text<'_>>>) {
    for (name, values) in map {
        check_name(node, name);
        if values.len() > MAX_VALUES {
            node.member(name).refuse("expected at most 50 values");
        }
        if values
            .iter()
            .any(|value| value.chars().count() > MAX_VALUE_CHARS)
        {
            node.member(name)
                .refuse("expected values of at most 100 characters");
        }
    }
}
