/**
 * How guests of TDX behave: the TDCALLs they make, as actions of a vCPU's run. {@link
 * dev.cocovisor.tdx.guest.LinuxGuest} accepts before it touches, largest size first; {@link
 * dev.cocovisor.tdx.guest.TouchFirstGuest} touches first and accepts when told to by a #VE. Both
 * drive any host through a function that runs one action.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.guest;
