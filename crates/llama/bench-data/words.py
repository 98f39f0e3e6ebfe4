def count_words(path, minimum=1):
    counts = {}
    with open(path) as handle:
        for line in handle:
            for word in line.split():
                word = word.strip(".,;:!?").lower()
                if not word:
                    continue
                counts[word] = counts.get(word, 0) + 1
    result = []
    for word, count in counts.items():
        if count >= minimum:
            result.append((word, count))
    result.sort(key=lambda pair: (-pair[1], pair[0]))
    return result
