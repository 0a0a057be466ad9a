//! What a process says of itself under `/metrics`.

use reqwest::Client;
use tokio::sync::OnceCell;

use crate::deadline::LONG;

/// The sum of a metric over its labels, or `None` where the process does not have it.
pub(crate) async fn metric(base_url: &str, name: &str) -> anyhow::Result<Option<f64>> {
    // Making a client takes longer than asking does.
    static HTTP: OnceCell<Client> = OnceCell::const_new();
    let http = HTTP.get_or_try_init(async || Client::builder().timeout(LONG).build()).await?;
    let text = http.get(format!("{base_url}/metrics")).send().await?.error_for_status()?.text().await?;
    Ok(sum(&text, name))
}

fn sum(text: &str, name: &str) -> Option<f64> {
    let samples = text.lines().filter_map(|line| line.strip_prefix(name));
    let values = samples.filter(|rest| rest.starts_with([' ', '{'])).filter_map(|rest| rest.rsplit_once(' '));
    let numbers = values.filter_map(|(_, value)| value.parse::<f64>().ok());
    numbers.fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_taken_for_another() {
        let text = "# TYPE calls counter\ncalls_total{tool=\"a b\"} 2\ncalls_total{tool=\"c\"} 3\ncalls_total_x 9\n";
        assert_eq!(sum(text, "calls_total"), Some(5.0));
        assert_eq!(sum(text, "calls"), None);
    }
}
