//! Where a service answers.

use std::fmt;

use http::Uri;
use thiserror::Error;

use crate::request::Service;

/// A part of AWS with accounts and host names of its own (botocore `data/partitions.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// `aws`: the commercial regions.
    Aws,
    /// `aws-cn`: China.
    China,
    /// `aws-us-gov`: GovCloud.
    UsGov,
    /// `aws-iso`: isolated, of the United States.
    Iso,
    /// `aws-iso-b`: isolated, of the United States.
    IsoB,
    /// `aws-iso-e`: isolated, of Europe.
    IsoE,
    /// `aws-iso-f`: isolated, of the United States.
    IsoF,
    /// `aws-eusc`: the European Sovereign Cloud.
    EuSovereign,
}

impl Partition {
    /// The partition of a region, by how the region's name begins. A name that fits none is taken
    /// as one of [`Partition::Aws`], as AWS's SDKs do: new regions appear there.
    pub fn of_region(region: &str) -> Partition {
        let beginning = region.rsplitn(3, '-').nth(2).unwrap_or_default();
        match beginning {
            "cn" => Partition::China,
            "us-gov" => Partition::UsGov,
            "us-iso" => Partition::Iso,
            "us-isob" => Partition::IsoB,
            "eu-isoe" => Partition::IsoE,
            "us-isof" => Partition::IsoF,
            "eusc-de" => Partition::EuSovereign,
            _ => Partition::Aws,
        }
    }

    /// Its id, as in an ARN: `aws-cn`.
    pub fn id(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::China => "aws-cn",
            Partition::UsGov => "aws-us-gov",
            Partition::Iso => "aws-iso",
            Partition::IsoB => "aws-iso-b",
            Partition::IsoE => "aws-iso-e",
            Partition::IsoF => "aws-iso-f",
            Partition::EuSovereign => "aws-eusc",
        }
    }

    /// The end of its host names.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Partition::Aws | Partition::UsGov => "amazonaws.com",
            Partition::China => "amazonaws.com.cn",
            Partition::Iso => "c2s.ic.gov",
            Partition::IsoB => "sc2s.sgov.gov",
            Partition::IsoE => "cloud.adc-e.uk",
            Partition::IsoF => "csp.hci.ic.gov",
            Partition::EuSovereign => "amazonaws.eu",
        }
    }
}

/// The address under which a service answers: an http or https URL, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why there is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// The text is not a URL that requests can be sent to.
    #[error("is not an http or https URL of a host and, if need be, a path")]
    NotAnUrl,
    /// The text cannot be part of a host name.
    #[error("is not the name of an AWS region: small letters, digits and hyphens, as in us-east-1")]
    NotARegion,
}

impl Endpoint {
    /// AWS's own endpoint of a service in a region; with `fips`, the one whose cryptography is
    /// validated by FIPS 140.
    ///
    /// # Errors
    /// [`EndpointError::NotARegion`]
    pub fn of_region(
        service: &Service,
        region: &str,
        fips: bool,
    ) -> Result<Endpoint, EndpointError> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_label = !region.is_empty()
            && region.len() <= 63
            && region.bytes().all(is_allowed)
            && !region.starts_with('-')
            && !region.ends_with('-');
        if !is_label {
            return Err(EndpointError::NotARegion);
        }
        let partition = Partition::of_region(region);
        let is_named_fips = fips && !(partition == Partition::UsGov && service.is_fips_in_us_gov);
        let fips = if is_named_fips { "-fips" } else { "" };
        let (host, suffix) = (service.host, partition.dns_suffix());
        Ok(Endpoint(format!("https://{host}{fips}.{region}.{suffix}")))
    }

    /// An endpoint that is not AWS's own, or that somebody chose. A path is kept, and goes before
    /// the path of each call.
    ///
    /// # Errors
    /// [`EndpointError::NotAnUrl`], also where the URL holds a user, a query or a fragment.
    pub fn parse(url: &str) -> Result<Endpoint, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError::NotAnUrl)?;
        let has_host = uri.authority().is_some_and(|authority| {
            let (host, whole) = (authority.host(), authority.as_str());
            !host.is_empty() && (whole == host || authority.port_u16().is_some())
        });
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !has_host || !is_http || url.contains(['@', '?', '#', '\\']) {
            return Err(EndpointError::NotAnUrl);
        }
        Ok(Endpoint(url.trim_end_matches('/').to_owned()))
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
