export class SettingsStore {
  private values = new Map<string, string>();
  private listeners: Array<(key: string) => void> = [];
  private dirty = false;

  constructor(private readonly storage: Storage) {
    for (const key of storage.keys()) {
      const value = storage.read(key);
      if (value !== undefined) {
        this.values.set(key, value);
      }
    }
  }

  get(key: string, fallback: string): string {
    const value = this.values.get(key);
    return value === undefined ? fallback : value;
  }

  set(key: string, value: string): void {
    if (this.values.get(key) === value) {
      return;
    }
    this.values.set(key, value);
    this.dirty = true;
    for (const listener of this.listeners) {
      listener(key);
    }
  }

  subscribe(listener: (key: string) => void): () => void {
    this.listeners.push(listener);
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  flush(): void {
    for (const [key, value] of this.values) {
      this.storage.write(key, value);
    }
    this.dirty = false;
  }
}
