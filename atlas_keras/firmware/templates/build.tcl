# For Vitis HLS, in the folder of the export: vitis_hls -f hls/build.tcl. Written by atlas_keras @version@.
# The part and the clock period [ns] are examples.
open_project -reset hls/project
set_top pack_jet
add_files hls/pack_jet.cpp
add_files -tb hls/check.cpp
open_solution -reset solution
set_part xcvu13p-flga2577-2-e
create_clock -period 2.78
csim_design -argv [file normalize vectors/vectors.hex]
csynth_design
