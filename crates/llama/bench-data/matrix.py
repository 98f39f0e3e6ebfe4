class Matrix:
    def __init__(self, rows, cols, fill=0.0):
        self.rows = rows
        self.cols = cols
        self.data = [[fill] * cols for _ in range(rows)]

    def get(self, row, col):
        return self.data[row][col]

    def set(self, row, col, value):
        self.data[row][col] = value

    def transpose(self):
        result = Matrix(self.cols, self.rows)
        for row in range(self.rows):
            for col in range(self.cols):
                result.data[col][row] = self.data[row][col]
        return result

    def multiply(self, other):
        if self.cols != other.rows:
            raise ValueError("shapes do not fit")
        result = Matrix(self.rows, other.cols)
        for row in range(self.rows):
            for col in range(other.cols):
                total = 0.0
                for index in range(self.cols):
                    total += self.data[row][index] * other.data[index][col]
                result.data[row][col] = total
        return result

    def trace(self):
        total = 0.0
        for index in range(min(self.rows, self.cols)):
            total += self.data[index][index]
        return total

    def __eq__(self, other):
        return self.data == other.data
