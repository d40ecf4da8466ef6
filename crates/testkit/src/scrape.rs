//! The text of `/metrics`, parsed.

use outbound::HttpConnection;

/// The metrics of a process at one moment.
#[derive(Clone, Debug, Default)]
pub struct Scrape(String);

impl Scrape {
    pub async fn of(base_url: &str) -> Result<Scrape, outbound::Error> {
        Ok(Scrape(HttpConnection::new(base_url).get("/metrics", &[]).await?.text()))
    }

    pub fn new(text: impl Into<String>) -> Scrape {
        Scrape(text.into())
    }

    /// The sum over all labels; `None` if there is no such metric.
    pub fn total(&self, name: &str) -> Option<f64> {
        self.sum(name, &[])
    }

    /// The sum over the series that have all of these labels; `None` if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                // Not a longer name with the same beginning.
                None => ("", rest.strip_prefix(' ')?),
            };
            let carried = wanted.iter().all(|wanted| labels.contains(wanted.as_str()));
            carried.then(|| value.trim().parse::<f64>().ok()).flatten()
        });
        let values: Vec<f64> = values.collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let scrape = Scrape::new(
            "# TYPE a_total counter\na_total{lane=\"1\",kind=\"x\"} 3\na_total{lane=\"2\",kind=\"x\"} 4\n\
             a_total_more 9\nb 1.5\n",
        );
        let check = |name: &str, labels: &[(&str, &str)], expected: Option<f64>| {
            assert_eq!(scrape.sum(name, labels), expected, "{name} {labels:?}");
        };
        check("a_total", &[], Some(7.0));
        check("a_total", &[("lane", "2")], Some(4.0));
        check("a_total", &[("kind", "x"), ("lane", "1")], Some(3.0));
        check("a_total", &[("lane", "3")], None);
        check("b", &[], Some(1.5));
        check("c", &[], None);
        assert_eq!(scrape.total("a_total_more"), Some(9.0));
    }
}
