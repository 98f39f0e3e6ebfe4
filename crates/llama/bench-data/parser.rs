fn parse_header(input: &str) -> Header {
    let mut lines = input.lines();
    let first = lines.next().unwrap();
    let mut parts = first.split(' ');
    let method = parts.next().unwrap();
    let path = parts.next().unwrap();
    let mut headers = Vec::new();
    for line in lines {
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        headers.push((name.trim().to_lowercase(), value.trim().to_string()));
    }
    Header { method: method.to_string(), path: path.to_string(), headers }
}
