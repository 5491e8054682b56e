//! Whose network a request came through. No address is kept.

use forebay_core::wire::event_stream::Network;

use crate::http::cf::Cf;

/// The record's `forebay.network`.
pub fn network(cf: &Cf) -> Network<'_> {
    let asn = cf.asn.text().and_then(|asn| asn.parse().ok());
    Network {
        asn: asn.filter(|asn| *asn > 0),
        organization: cf.as_organization.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_past_what_is_not_as_expected() {
        for (cf, asn, organization) in [
            (
                r#"{"asn":3301,"asOrganization":"Telia"}"#,
                Some(3301),
                Some("Telia"),
            ),
            (r#"{"asn":"3301","asOrganization":""}"#, Some(3301), None),
            (r#"{"asn":0,"asOrganization":7}"#, None, Some("7")),
            (r#"{"asn":-1,"asOrganization":null}"#, None, None),
            (r#"{"asn":4294967296,"asOrganization":{}}"#, None, None),
            ("{}", None, None),
        ] {
            let cf: Cf = serde_json::from_str(cf).unwrap();
            let network = network(&cf);
            assert_eq!(
                (network.asn, network.organization.as_deref()),
                (asn, organization)
            );
        }
    }
}
