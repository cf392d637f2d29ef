// Package faults has the table of faults that a site must live through, each with the tests that make it happen. Only its tests use
// it: make faults runs them all, docs/reliability.md has the table for people.
package faults

// Fault is a row of the table.
type Fault struct {
	Fault    string // what goes wrong
	Behavior string // what must happen
	Tests    []Tests
}

// Tests are tests of one package that make a fault and judge what happens. Each must exist and pass; none may be skipped.
type Tests struct {
	Package string // its folder
	Names   []string
	Env     []string // in addition
}

func in(pkg string, names ...string) Tests { return Tests{Package: pkg, Names: names} }

// Table returns the faults; number one is the first.
func Table() []Fault {
	return []Fault{
		{"kill -9 of the agent under load", "what the spool took arrives once; the next start says that it was killed", []Tests{
			in("uplink/spool", "TestKill"), in("internal/e2e", "TestKilledInTurn")}},
		{"kill -9 of collector, receiver, writer, journal node under load", "nothing lost, nothing doubled", []Tests{
			{"internal/chaos", []string{"TestOneNode", "TestCluster"}, []string{"KILLS=12"}},
			in("collector", "TestKilledCollectorStoresOnce", "TestShardsOfTheDeadAreTakenInTenSeconds"),
			in("collector/store", "TestCrashAnywhereStoresOnce", "TestStoppedWriterIsFenced")}},
		{"kill -9 inside a roll of segments, a rename of the floor, an unlink", "opens; the numbering only rises", []Tests{
			in("uplink/spool", "TestKillAtFailpoints")}},
		{"power cut", "opens; at most a second and a sync is lost, nothing that was acknowledged", []Tests{
			{"internal/powercut", []string{"TestPowerCuts"}, []string{"CUTS=30"}}}},
		{"torn and reordered writes that were not synced", "what was synced is whole; no number is given twice", []Tests{
			in("uplink/spool", "TestPowerCuts", "TestPowerCutsFindASpoolThatDoesNotSync", "TestLeasedIsOnTheDisk", "TestTornTailIsCut")}},
		{"fsync gives EIO", "the segment is closed, another begun, counted; the same sync is never tried again", []Tests{
			in("uplink/spool", "TestFailedSyncIsNotTriedAgain", "TestErrorsOfTheDisk")}},
		{"disk full, inodes gone, no descriptors", "the oldest goes, the gap is told; back within 10 s", []Tests{
			in("internal/faults", "TestSmallDisks"), in("agent", "TestStartOnAFullDisk"), in("uplink/spool", "TestFullDisk", "TestNoDescriptors", "TestBoundsDropTheOldest"),
			in("collector/store", "TestFullDisk"), in("collector", "TestFullDisk")}},
		{"remounted read-only, state folder deleted", "a bounded queue in memory, said so; the folder is made anew", []Tests{
			in("agent", "TestSpoolReadOnly", "TestStateFolderDeleted", "TestReadOnlyStateFolderIsRefused"), in("uplink/spool", "TestReadOnlyRemount", "TestFolderDeleted", "TestMemoryWhenTheFolderFails")}},
		{"spool with flipped bits, cuts, noise, removed files, huge lengths", "opens; at most a segment is lost for each, kept and counted", []Tests{
			in("uplink/spool", "TestDamage", "TestDamageSinceOpening", "TestHeaderIsWholeOrNothing", "TestFloorIsWholeOrNothing", "TestWhatIsSetAsideIsBounded"),
			in("collector/store", "TestDamagedManifestOpens")}},
		{"spool of another user, writable by all, a symbolic link", "refused with the reason", []Tests{
			in("uplink/spool", "TestFolderThatOthersCouldHavePrepared"), in("agent", "TestStateFolderOfOthersIsRefused")}},
		{"spool wiped, snapshot rolled back, image cloned, two agents on a host", "a new epoch, flagged, no loop of enrolments; the second agent ends and names the first", []Tests{
			in("uplink/spool", "TestCloneGetsANewEpoch", "TestSnapshotRolledBack", "TestWithoutAFloorTheEpochIsNew"),
			in("agent", "TestSecondAgentIsRefused", "TestStateSetsAnotherHostsIdentityAside"), in("internal/e2e", "TestStateGoesBackInTime")}},
		{"configuration missing, empty, unknown keys, bad values", "defaults; a warning; an error with file and line; as a service the last good one", []Tests{
			in("agent", "TestLoad", "TestServiceUsesTheLastGoodConfiguration")}},
		{"DNS fails at start, hangs, lies", "connects within 5 s of DNS working; TLS refuses a liar", []Tests{
			in("uplink", "TestDNSComesLate", "TestDNSLies", "TestDiscovery")}},
		{"captive portal, inspecting proxy, bad server certificate", "refused with the reason, no data is sent", []Tests{
			in("uplink", "TestImpostors", "TestInspectingProxy", "TestFirstCAIsKept", "TestOldTLSIsRefused")}},
		{"client certificate expired, revoked", "seen at the first answer; renewed in time; the spool is kept", []Tests{
			in("uplink", "TestCertificateNoLongerAccepted", "TestRenewal", "TestNoEnrolmentLoop"),
			in("collector/pki", "TestLateRenewal", "TestRevokedMonitorIsRefusedWithinTwoSeconds"), in("collector", "TestRevocationReachesResumedSessions")}},
		{"half-open connection; a collector that never reads, answers garbage, acknowledges more than was sent", "given up within 10 s busy, 30 s idle; nothing is freed beyond what was sent", []Tests{
			in("uplink", "TestHalfOpen", "TestCollectorThatDoesNotTalk", "TestGarbageAnswers", "TestAnswers"), in("uplink/spool", "TestWhatWasNotDurableIsLeasedAgain")}},
		{"collector flaps each second for an hour, is down for a week", "little CPU, nothing doubled; the cap holds, the gap is told", []Tests{
			in("uplink", "TestFlappingCollector", "TestCollectorDownForAWeek"), in("internal/e2e", "TestGapsTellWhatIsMissing")}},
		{"the clock steps by an hour, 5 years, to before 1980; the host sleeps for 8 h", "no flow ends for it but those of before the sleep, as asleep; reconnects at once", []Tests{
			in("agent", "TestClockSteps", "TestSleepEndsTheFlows", "TestAgentWakesUp")}},
		{"interface removed, made again, renamed, moved; 500 flaps", "captured again within a second; nothing leaks", []Tests{
			in("agent", "TestFlapsLeakNothing", "TestInterfacesComeAndGo", "TestInterfaceMovesAway"), in("internal/e2e", "TestInterfacesComeAndGo")}},
		{"a scan of a million flows; a ring overrun", "memory stays in its bound, other flows keep their counts, losses are counted", []Tests{
			in("internal/e2e", "TestScanBesideATransfer")}},
		{"malformed frames", "counted by reason; nothing is read beyond the frame, nothing allocated", []Tests{
			in("capture", "TestDecodeMalformed", "TestDecodeTunnelsBounds", "TestBlockNonsense", "TestFileDamage", "TestDecodeAllocates"), in("internal/judge", "TestMutatorBudget")}},
		{"memory limit of a unit or container", "the table shrinks to it; a kill leaves a mark", []Tests{
			in("agent", "TestGroupLimit"), in("internal/e2e", "TestScanInASmallUnit")}},
		{"hostile agent: bombs, lies, other hosts' records, replay, floods", "refused with the right status; others do not notice", []Tests{
			in("collector/receive", "TestBatchesThatAreNeverTaken", "TestReplayIsAnsweredAsBefore", "TestOthersDoNotNoticeAFlood", "TestOneAgentCannotFlood", "TestRapidReset",
				"TestContinuationFlood", "TestFramesThatLie", "TestSmuggledRequests", "TestSlowHeaders", "TestSlowBodies", "TestHeadersAreBounded", "TestHalfOpenConnectionsAreBounded",
				"TestStrangersOfOneAddressKeepNobodyElseOut")}},
		{"upgrade and downgrade with a full spool; SIGTERM while the collector is dead", "an old spool opens, a newer one is set aside; stops within 5 s", []Tests{
			in("uplink/spool", "TestVersion1Opens", "TestNewerVersionIsSetAside"), in("internal/e2e", "TestStopsWithADeadCollector")}},
		{"three crashes in ten minutes on the same path", "that path is switched off for a day, said so; the rest goes on; a kill is no crash", []Tests{
			in("agent", "TestThreePanicsSwitchOff", "TestThreeCrashesSwitchOff", "TestFatalErrorsLeaveATrace", "TestWhatIsOffIsTriedAgain"),
			in("cmd/argus-endpoint", "TestKillsSwitchNothingOff")}},
	}
}
