//! A request to an AWS service, signed, and its answer or typed error. No IO, and no clock: the
//! caller passes the time in, sends the request, and passes the answer back.
//!
//! ```
//! use forebay_aws_call::kinesis::{DescribeStreamSummary, KINESIS};
//! use forebay_aws_call::{Answer, Credentials, Endpoint, Operation, Signer, Timestamp};
//!
//! let endpoint = Endpoint::of_region(&KINESIS, "eu-north-1", false)?;
//! let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "example");
//! let signer = Signer { endpoint: &endpoint, region: "eu-north-1", credentials: &credentials };
//!
//! let operation = DescribeStreamSummary { stream: "events" };
//! let now = Timestamp(1_795_000_000_000);
//! let request = signer.sign(operation.call(), None, now)?;
//! assert_eq!(request.url, "https://kinesis.eu-north-1.amazonaws.com/");
//!
//! // The caller sends `request` by its own means, and reads the answer's body.
//! let answer = Answer {
//!     status: 400,
//!     error_type: None,
//!     retry_after: None,
//!     body: br#"{"__type":"ResourceNotFoundException","message":"no such stream"}"#,
//!     arrived: now,
//! };
//! let error = operation.read(&answer).unwrap_err();
//! assert_eq!(error.to_string(), "ResourceNotFoundException");
//! assert!(!error.may_pass());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`endpoint`] | where a service answers, in each of AWS's partitions |
//! | [`request`] | a call, and the signed HTTP request it becomes |
//! | [`answer`] | an answer, and what errors say: whose fault, and whether a later try can help |
//! | [`batch`] | calls that hold many items: what fits into one, and what became of each |
//! | [`kinesis`] | Kinesis Data Streams: PutRecords, and what a consumer needs |
//! | [`firehose`] | Amazon Data Firehose: PutRecordBatch |
//! | [`event_bridge`] | Amazon EventBridge: PutEvents |
//! | [`pinpoint`] | PutEvents of Pinpoint, at any endpoint that speaks it |
#![forbid(unsafe_code)]

pub mod answer;
pub mod batch;
pub mod endpoint;
pub mod event_bridge;
pub mod firehose;
pub mod kinesis;
pub mod pinpoint;
pub mod request;

pub use answer::{Answer, CallError, Fault, ServiceError};
pub use aws_credential_types::Credentials;
pub use batch::Limits;
pub use endpoint::{Endpoint, EndpointError, Partition};
pub use forebay_core::time::Timestamp;
pub use request::{Call, Operation, Request, Service, Signer};
