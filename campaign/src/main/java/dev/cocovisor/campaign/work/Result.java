package dev.cocovisor.campaign.work;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;

/**
 * What making an item gave.
 *
 * @param item the item, as text
 * @param schedules executions made
 * @param programs programs run, or programs of logs replayed
 * @param calls calls made in them
 * @param rules rules of the kit that judged
 * @param ruled what the rules were that judged or answered: a rule of the kit by its id, a refusal
 *     as the call and its error
 * @param pairs the pairs of conflicting schedule points of two parts that met
 * @param outcomes how often each outcome of an exploration came
 * @param found what broke, one of a kind
 * @param rest what is left of a search's portion: how its parts begin
 * @param learnt what a search learnt of places that are shared
 * @param judged whether all that an exploration was to judge could be
 * @param reached programs that went somewhere new
 * @param millis how long it took
 */
public record Result(
    String item,
    long schedules,
    long programs,
    long calls,
    long rules,
    SortedSet<String> ruled,
    SortedSet<String> pairs,
    SortedMap<String, Long> outcomes,
    List<Breakage> found,
    List<String> rest,
    String learnt,
    boolean judged,
    List<KeptProgram> reached,
    long millis) {}
