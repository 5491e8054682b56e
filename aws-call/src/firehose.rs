//! Amazon Data Firehose: PutRecordBatch (service model `firehose/2015-08-04`: JSON 1.1).

use base64_simd::STANDARD as BASE64;

use crate::answer::CallError;
use crate::batch::{Batch, Limits, item_results, quoted};
use crate::request::{Call, Operation, Service};

/// Amazon Data Firehose.
pub const FIREHOSE: Service = Service {
    host: "firehose",
    signing_name: "firehose",
    target_prefix: "Firehose_20150804",
    is_fips_in_us_gov: false,
};

/// The limits of one call of PutRecordBatch, in bytes of data.
pub const LIMITS: Limits = Limits {
    items: 500,
    bytes: 4 * 1024 * 1024,
    item_bytes: 1_000 * 1024,
};

/// Hands records to a Firehose stream.
#[derive(Debug, Clone, Copy)]
pub struct PutRecordBatch<'a> {
    /// The stream's name.
    pub delivery_stream: &'a str,
    /// The data of each record, within [`LIMITS`]. Firehose puts nothing between records: each
    /// ends in what parts it from the next.
    pub records: &'a [&'a [u8]],
}

impl Operation for PutRecordBatch<'_> {
    /// The outcome of each record, in their order.
    type Output = Vec<Result<(), CallError>>;

    fn call(&self) -> Call {
        let bytes: usize = self.records.iter().map(|data| data.len()).sum();
        let mut body = String::with_capacity(bytes * 4 / 3 + self.records.len() * 16 + 256);
        body.push_str(r#"{"DeliveryStreamName":"#);
        body.push_str(&quoted(self.delivery_stream));
        body.push_str(r#","Records":["#);
        for (index, data) in self.records.iter().enumerate() {
            body.push_str(if index == 0 { "" } else { "," });
            body.push_str(r#"{"Data":""#);
            BASE64.encode_append(data, &mut body);
            body.push_str(r#""}"#);
        }
        body.push_str("]}");
        Call::json(&FIREHOSE, "PutRecordBatch", body)
    }

    fn output(&self, body: &[u8]) -> Result<Self::Output, CallError> {
        let form = Batch {
            items: "RequestResponses",
            id: "RecordId",
            item_status: 200,
        };
        item_results(body, &form, self.records.len())
    }
}
