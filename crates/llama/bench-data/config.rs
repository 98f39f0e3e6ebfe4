pub fn load_config(path: &Path) -> Result<Config, ConfigError> {
    let text = fs::read_to_string(path).map_err(ConfigError::Read)?;
    let table: Table = text.parse().map_err(ConfigError::Parse)?;
    let mut config = Config::default();
    if let Some(value) = table.get("port") {
        config.port = value.as_integer().ok_or(ConfigError::Type("port"))? as u16;
    }
    if let Some(value) = table.get("host") {
        config.host = value.as_str().ok_or(ConfigError::Type("host"))?.to_owned();
    }
    if let Some(value) = table.get("workers") {
        config.workers = value.as_integer().ok_or(ConfigError::Type("workers"))? as usize;
    }
    Ok(config)
}
