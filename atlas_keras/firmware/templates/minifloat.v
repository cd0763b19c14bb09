// A number of few bits with exponent: code = (e << MANTISSA) + (x >> e), where e tells how far the leading one of x stands
// above bit MANTISSA, and is 0 where it does not. Below 2^(MANTISSA+1) the code is x itself.
module minifloat #(parameter WIDTH = 16, CODE = 10, MANTISSA = 6) (
  input clk,
  input [WIDTH-1:0] x,
  output reg [CODE-1:0] code
);
  reg [4:0] e, e_1;
  reg [WIDTH-1:0] x_1;
  integer i;
  always @* begin
    e = 0;
    for (i = MANTISSA + 1; i < WIDTH; i = i + 1) if (x[i]) e = i - MANTISSA;
  end
  always @(posedge clk) begin
    e_1 <= e;
    x_1 <= x;
    code <= (e_1 << MANTISSA) + (x_1 >> e_1);
  end
endmodule
